"""Global secondary indexes: feeders bring what changes in a base partition to the partitions that hold the rows, within the region.

Knows the order of changes, cursors, backfills and back-off. Refuses to know consensus, storage and gRPC, and what a partition takes:
that is `node.partition.feeds`, which also says why copies and changes together come to the right rows.
"""
