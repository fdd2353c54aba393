"""Majorities, also of two voter sets at once.

Knows counting only: what is counted (matched indexes, acknowledged rounds, votes) is the caller's business.
"""

from collections.abc import Sequence


def majority_value(values: list[int]) -> int:
    """Return the greatest value that a majority has reached; values holds one number per voter."""
    values.sort()
    return values[(len(values) - 1) >> 1]


def votes_won(votes: Sequence[bool | None]) -> bool | None:
    """Return whether a majority granted (True), can no longer grant (False), or neither yet (None).

    votes holds one answer per voter, None while it has not answered. An empty set has no say and always agrees.
    """
    needed = len(votes) // 2 + 1 if votes else 0
    granted = sum(1 for vote in votes if vote)
    if granted >= needed:
        return True
    missing = sum(1 for vote in votes if vote is None)
    return None if granted + missing >= needed else False


def both_won(first: bool | None, second: bool | None) -> bool | None:
    """Return the verdict of two voter sets that must both agree."""
    if first is False or second is False:
        return False
    return True if first and second else None
