"""What parent and child say to one another, over a pair of sockets: either learns of the other's end by its own.

A child says that it is ready, or why it cannot start; a parent, that a successor has taken over. Nothing else is ever said.
"""

from typing import Final

# Where a child finds what it was given.
LINE_DESCRIPTOR: Final = 3
HTTP_DESCRIPTOR: Final = 4
METRICS_DESCRIPTOR: Final = 5

READY: Final = b"r"
CANNOT_START: Final = b"!"  # the reason follows
DRAIN: Final = b"d"
WORDS_BYTES_MAX: Final = 4096
