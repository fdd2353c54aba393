"""What a cluster is to those who look at it and break it, wherever its processes run.

Knows which questions and which faults there are. Knows nothing of pids, containers or what the processes say to one another.
"""
