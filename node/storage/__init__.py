"""Durable state of one node: an ordered key-value engine, its one writer, and what is laid out in it.

The room knows bytes, keys, checksums and disks; it refuses to know consensus, conditions, streams or any network.
"""
