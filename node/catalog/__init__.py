"""The catalog: which tables, partitions, nodes and links a region has, and who decides it.

The room knows how a change is decided, how decisions become rows of partition 0, how watchers follow them and how the ring is
first placed on nodes; it refuses to know requests from clients, other regions' answers and any network.
"""
