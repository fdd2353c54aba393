"""Conditions: what is wrong with a replica or a node that runs, by the names that status, metrics and alerts use.

A process that is well has none. The room knows the names and what each means; it refuses to know who finds out.
"""

from enum import StrEnum


class Condition(StrEnum):
    """Why a replica, or all replicas of a node, do less than they should. Members are only ever added: names travel."""

    INSTALLING = "installing"
    """The replica receives a snapshot of its whole state."""
    RECOVERING = "recovering"
    """The replica has lost its log: it counts for no quorum until it holds all that it may have acknowledged."""
    QUARANTINED = "quarantined"
    """The replica holds damaged data: it answers nothing, and is rebuilt from the others as soon as they can spare it."""
    CANNOT_FOLLOW = "cannot-follow"
    """The replica cannot take what its leader sends."""
    STORAGE_FULL = "storage-full"
    """The disk has no space for writes; they are taken again by themselves when it has."""
    STORAGE_FAILING = "storage-failing"
    """The disk answers with errors."""
    CLOCK_REFUSED = "clock-refused"
    """The node's clock is not what a majority of its region says: it stamps nothing and leads nothing."""


OF_REPLICAS = (
    Condition.INSTALLING,
    Condition.RECOVERING,
    Condition.QUARANTINED,
    Condition.CANNOT_FOLLOW,
    Condition.STORAGE_FULL,
)
"""What may be wrong with one replica."""

OF_NODES = (Condition.STORAGE_FULL, Condition.STORAGE_FAILING, Condition.CLOCK_REFUSED)
"""What may be wrong with a node as a whole."""
