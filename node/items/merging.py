"""The merge rule between regions: the last writer wins.

Knows which of two states of an item stays. Refuses to know where either came from. One function, so that the leader that receives a
change, the shipper that sends it and the tests that judge both can never disagree.
"""

from wire.versions import Version


def wins(incoming: Version, stored: Version | None) -> bool:
    """Tell whether a state of an item at version `incoming` replaces the stored one (None = nothing is stored).

    Equal versions are the same write seen twice, so this makes merging idempotent; versions are totally ordered, so any order of
    arrival ends in the same state.
    """
    return stored is None or incoming > stored
