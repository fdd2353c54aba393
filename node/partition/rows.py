"""The replicated state of a partition beside its items: the last sequence number, the catalog version, cursors, sizes.

Knows these rows as bytes. Refuses to know who writes them. They travel in snapshots, unlike what one replica keeps for
itself.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import fed_name, sizes_name, state_key, state_name_of, successor
from node.storage.log import APPLIED
from node.storage.sealed import sealed, unsealed

_PROGRESS = struct.Struct(">QQ")
_INDEX = struct.Struct(">Q")
_SIZE = struct.Struct(">Hqq")


class Progress(NamedTuple):
    """How far a partition's state has come: its last change sequence number, and the newest catalog version used."""

    sequence: int = 0
    catalog_version: int = 0


def read_progress(view: View, partition: int) -> Progress:
    """Return the progress in `view`, zeros for a new partition. Raises DamagedRecord."""
    stored = _read(view, partition, "progress")
    return Progress() if stored is None else Progress(*_PROGRESS.unpack(stored))


def write_progress(transaction: Transaction, partition: int, progress: Progress) -> None:
    """Store the progress."""
    key = state_key(partition, "progress")
    transaction.put(Space.STATE, key, sealed(_PROGRESS.pack(*progress), key))


def read_cursor(view: View, partition: int, name: str) -> bytes | None:
    """Return a cursor's value, or None. Raises DamagedRecord."""
    return _read(view, partition, f"cursor/{name}")


def read_cursors(view: View, partition: int, prefix: str) -> dict[str, bytes]:
    """Return all cursors whose names begin so. Raises DamagedRecord."""
    lower = state_key(partition, f"cursor/{prefix}")
    names = [state_name_of(key).removeprefix("cursor/") for key, _ in view.scan(Space.STATE, lower, successor(lower))]
    found = ((name, read_cursor(view, partition, name)) for name in names)
    return {name: value for name, value in found if value is not None}


def write_cursor(transaction: Transaction, partition: int, name: str, value: bytes) -> None:
    """Store a cursor; an empty value removes it."""
    key = state_key(partition, f"cursor/{name}")
    if value:
        transaction.put(Space.STATE, key, sealed(value, key))
    else:
        transaction.delete(Space.STATE, key)


def read_fed(view: View, partition: int, table: int, index: int, source: int) -> int:
    """Return the last change of a source whose rows of an index are here; 0 = none was. Raises DamagedRecord."""
    stored = _read(view, partition, fed_name(table, index) + str(source))
    return 0 if stored is None else int(_INDEX.unpack(stored)[0])


def write_fed(  # whose position, and where it is
    transaction: Transaction, partition: int, table: int, index: int, source: int, through: int
) -> None:
    """Store how far a source has fed an index."""
    key = state_key(partition, fed_name(table, index) + str(source))
    transaction.put(Space.STATE, key, sealed(_INDEX.pack(through), key))


def read_sizes(view: View, partition: int, table: int) -> dict[int, tuple[int, int]]:
    """Return what a partition holds of a table: rows and their bytes, by index number. Raises DamagedRecord."""
    stored = _read(view, partition, sizes_name(table))
    if stored is None:
        return {}
    return {index: (rows, size) for index, rows, size in _SIZE.iter_unpack(stored)}


def write_sizes(transaction: Transaction, partition: int, table: int, sizes: Mapping[int, tuple[int, int]]) -> None:
    """Store what a partition holds of a table; what holds nothing leaves no trace."""
    key = state_key(partition, sizes_name(table))
    value = b"".join(_SIZE.pack(index, *sizes[index]) for index in sorted(sizes) if any(sizes[index]))
    if value:
        transaction.put(Space.STATE, key, sealed(value, key))
    else:
        transaction.delete(Space.STATE, key)


def read_applied_index(view: View, partition: int) -> int:
    """Return the log index that the state in `view` has applied; unlike the rest this row is the replica's own."""
    stored = _read(view, partition, APPLIED)
    return 0 if stored is None else int(_INDEX.unpack(stored)[0])


def _read(view: View, partition: int, name: str) -> bytes | None:
    key = state_key(partition, name)
    stored = view.get(Space.STATE, key)
    if stored is None:
        return None
    value = unsealed(stored, key)
    if value is None:
        raise DamagedRecord(f"partition {partition} state {name}: its checksum does not match its bytes")
    return value
