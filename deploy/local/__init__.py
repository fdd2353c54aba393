"""Clusters of child processes on this machine: what runs where, under which pid, with which log and data directory.

Knows process tables, ports and files. Knows nothing of what the processes say to one another, nor how to show things to people.
"""
