"""Clusters of containers that Docker Compose started: what runs where, in which container, on which networks.

Knows the engine's command line, and how Compose labels what it makes; whichever Compose it was, and wherever the engine is. Knows
nothing of what the processes say to one another, nor how to show things to people. Starting and removing whole projects is Compose's.
"""
