"""The region's gate for other regions: takes their changes and brings them to the local leaders.

Knows the gateway's messages and how a batch spreads over partitions. Refuses to know leaders, retries and what a change means.
"""
