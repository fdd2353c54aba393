"""Where things are: the cached catalog, the ring of tokens, who leads a partition, and carrying commands there.

The room knows partitions, replicas and which failures deserve another try; it refuses to know the API above it and the network
below it.
"""
