"""The storage node: replicas of partitions, their consensus, streams and shippers."""
