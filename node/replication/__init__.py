"""Replication between regions: shippers send each partition's own changes to every other region of a table.

Knows cursors, windows, backfills, links and how a global table grows and shrinks. Refuses to know consensus, storage and gRPC.
"""
