"""How the garbage collector of a long-lived process is tuned.

Reference counting frees nearly everything a request makes at once; the collector only looks for cycles, and by default walks
young objects at every 700th one that is made: 6 to 8 % of the CPU time of a busy router or node. Knows Python's collector only.
"""

import gc
from typing import Final

# Objects made and not freed before the youngest are walked. A process that is busy keeps a few thousand alive per turn.
YOUNG_OBJECTS_MAX: Final = 50_000
MIDDLE_COLLECTIONS: Final = 20
OLD_COLLECTIONS: Final = 50


def rarely_collected() -> None:
    """Walk young objects rarely from now on; the first thing a process does, because imports make many."""
    gc.set_threshold(YOUNG_OBJECTS_MAX, MIDDLE_COLLECTIONS, OLD_COLLECTIONS)


def settled() -> None:
    """Never walk again what is alive now, when a process has started: modules, compiled models, grammars."""
    gc.collect()
    gc.freeze()
