"""Partitions: the state machine around consensus, and the driver that runs every replica of a node.

Knows how a request becomes an effect, an entry and an answer. Refuses to know networks, catalogs' rules and other
regions.
"""
