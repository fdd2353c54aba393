"""Checkpoints: what every replica of a partition holds after one and the same entry, so that they can be held against one another.

A replica whose rows and digests agree may still differ from the others: a disk that lost a write, a bug. So the leader has a checkpoint
proposed with every scrub; each replica writes down, in the transaction that applies the entry, the sum of every area of its items at
that point. The one that differs from a majority, twice in a row, is the one that is wrong. Change records and expiry rows are left out:
each replica trims its own, and both follow from the items.

Pure but for the row. Knows what is written down, and the verdict. Refuses to know who asks whom.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from node.storage.digests import CHECKPOINT, Area, Trust, read_sums, stored_areas
from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import state_key
from node.storage.sealed import sealed, unsealed

_MASK: Final = (1 << 64) - 1


class Checkpoint(NamedTuple):
    """Have every replica write down what it holds, under a number; never travels but as its effect."""

    number: int


class Held(msgspec.Struct, frozen=True):
    """What a replica held at a checkpoint: a sum by area, in hexadecimal; null = it cannot say."""

    number: int
    sums: dict[str, int | None]


class Verdict(Enum):
    """What comes of holding replicas against one another."""

    SAME = "same"
    ODD = "odd"
    """This one differs from a majority."""
    UNDECIDED = "undecided"
    """They differ, and no majority says which is wrong."""


def write_checkpoint(transaction: Transaction, partition: int, number: int) -> None:
    """Write down what this replica holds now. Raises DamagedRecord."""
    sums: dict[str, int | None] = {}
    for area in stored_areas(transaction, partition, Space.ITEMS):
        found = read_sums(transaction, partition, area)
        is_known = found is not None and found.trust is Trust.TRUSTED
        sums[area.prefix.hex()] = sum(found.slots) & _MASK if found is not None and is_known else None
    key = state_key(partition, CHECKPOINT)
    transaction.put(Space.STATE, key, sealed(msgspec.json.encode(Held(number, sums)), key))


def read_checkpoint(view: View, partition: int) -> bytes:
    """Return what this replica held at the last checkpoint, encoded; empty = there was none. Raises DamagedRecord."""
    key = state_key(partition, CHECKPOINT)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return b""
    value = unsealed(stored, key)
    if value is None:
        raise DamagedRecord(f"partition {partition} state {CHECKPOINT}: its checksum does not match its bytes")
    return value


def decode_held(encoded: bytes) -> Held | None:
    """Return what a replica says that it held; None = it says nothing that can be read."""
    try:
        return msgspec.json.decode(encoded, type=Held) if encoded else None
    except msgspec.ValidationError:
        return None


def judged(mine: Held, others: Sequence[Held | None], voters: int, is_kept: Callable[[Area], bool]) -> Verdict:
    """Hold this replica against the others that have the same checkpoint, in the areas that the catalog has."""
    same = [other.sums for other in others if other is not None and other.number == mine.number]
    verdict = Verdict.SAME
    for name in sorted({name for sums in (mine.sums, *same) for name in sums}):
        if not is_kept(Area(Space.ITEMS, bytes.fromhex(name))):
            continue
        own = mine.sums.get(name, 0)
        told = Counter(value for sums in same if (value := sums.get(name, 0)) is not None)
        if own is None or not told or set(told) == {own}:
            continue
        value, count = told.most_common(1)[0]
        if value != own and count > voters // 2:
            return Verdict.ODD
        if told[own] + 1 <= voters // 2:
            verdict = Verdict.UNDECIDED
    return verdict
