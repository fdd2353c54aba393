"""What parent and child say to one another, over a pair of sockets: either learns of the other's end by its own.

A child says that it is ready; a parent, that a successor has taken over. Nothing else is ever said.
"""

from typing import Final

# Where a child finds what it was given.
LINE_DESCRIPTOR: Final = 3
HTTP_DESCRIPTOR: Final = 4
METRICS_DESCRIPTOR: Final = 5

READY: Final = b"r"
DRAIN: Final = b"d"
