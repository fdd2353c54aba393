"""What time it is in the region: this node's wall clock, judged by those of the other nodes.

Knows clocks, how far they can be known to be apart, and when to believe which. Refuses to know networks, disks and what is stamped.
"""
