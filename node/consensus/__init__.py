"""Raft as a pure state machine: events in, Ready out.

Knows elections, replication, membership, leases and reads of one group. Refuses to know clocks, threads, disks,
networks and what an entry means: the driver does all that Ready asks for, in its order.
"""
