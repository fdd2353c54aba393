"""Clusters of containers: which names their processes are reached under, and what a cluster may change once it holds data.

Knows the cluster file. Knows nothing of any engine or orchestrator, nor how to show things to people.
"""
