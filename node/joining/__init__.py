"""How a node joins its region after each start: it is introduced to the others before it takes part in anything.

The room knows who founded a region, which life of which disk a node is in, and what its peers remember of it; it refuses to know
the network and what a replica holds.
"""
