"""Effects on items: what a write comes to, as bytes that every replica applies without thinking.

Layouts, big endian; a record is a stored record of `node.storage.records`, a change is one of `node.streams.records`
(which ends with the record):

    STORE, REMOVE                   operation u8 | table u32 | record
    STORE_LOGGED, REMOVE_LOGGED     operation u8 | table u32 | change
    SEVERAL                         operation u8 | (length u32 | effect)...
    STORE_ROW, REMOVE_ROW           operation u8 | table u32 | index u16 | record
    EXPIRY                          operation u8 | table u32 | change of rows of the expiry index
    CHECKPOINT                      operation u8 | number u64
    FED                             operation u8 | table u32 | index u16 | source u32 | through u64

The record of a REMOVE is a tombstone that only names key and version: what is stored under the key goes away. A row is a record
of an index. Knows how effects are written; refuses to know why.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum

from node.partition.checkpoints import write_checkpoint
from node.partition.expiry import apply_rows
from node.partition.rows import write_fed
from node.partition.tally import RowTally
from node.storage.engine import Space, Transaction
from node.storage.items import remove, store
from node.storage.layout import change_key
from node.storage.records import key_in
from node.streams.records import encode_row, record_start
from wire.keys import key_hash

_HEAD = struct.Struct(">BI")
_ROW_HEAD = struct.Struct(">BIH")
_FED = struct.Struct(">BIHIQ")
_CHECKPOINT = struct.Struct(">BQ")
_LENGTH = struct.Struct(">I")
_TABLE = 0
"""The index number of the table itself."""


class Operation(IntEnum):
    """What an effect does. The numbers are in people's logs: only add."""

    STORE = 1
    REMOVE = 2
    STORE_LOGGED = 3
    REMOVE_LOGGED = 4
    SEVERAL = 5
    STORE_ROW = 6
    REMOVE_ROW = 7
    FED = 8
    """A partition has the rows of an index from a source up to a change."""
    EXPIRY = 9
    CHECKPOINT = 10
    """Every replica writes down what it holds at this point."""


_LOGGED = frozenset({Operation.STORE_LOGGED, Operation.REMOVE_LOGGED})
_STORING = frozenset({Operation.STORE, Operation.STORE_LOGGED})
_ON_ITEMS = frozenset({*_LOGGED, Operation.STORE, Operation.REMOVE})


def plain_effect(table: int, record: bytes, *, removes: bool) -> bytes:
    """Return the effect that stores a record, or removes its key, and leaves no change record."""
    return _HEAD.pack(Operation.REMOVE if removes else Operation.STORE, table) + record


def logged_effect(table: int, change: bytes, *, removes: bool) -> bytes:
    """Return the effect that stores the record inside a change, or removes its key, and logs the change."""
    return _HEAD.pack(Operation.REMOVE_LOGGED if removes else Operation.STORE_LOGGED, table) + change


def row_effect(table: int, index: int, record: bytes, *, removes: bool) -> bytes:
    """Return the effect that stores a row of an index, or removes its key."""
    return _ROW_HEAD.pack(Operation.REMOVE_ROW if removes else Operation.STORE_ROW, table, index) + record


def fed_effect(table: int, index: int, source: int, through: int) -> bytes:
    """Return the effect that notes how far a source has fed an index of this partition."""
    return _FED.pack(Operation.FED, table, index, source, through)


def checkpoint_effect(number: int) -> bytes:
    """Return the effect that has every replica write down what it holds."""
    return _CHECKPOINT.pack(Operation.CHECKPOINT, number)


def expiry_effect(table: int, changes: bytes) -> bytes:
    """Return the effect that changes rows of the expiry index."""
    return _HEAD.pack(Operation.EXPIRY, table) + changes


def combined_effect(effects: Sequence[bytes]) -> bytes:
    """Return one effect that is several in order."""
    if len(effects) == 1:
        return effects[0]
    return bytes((Operation.SEVERAL,)) + b"".join(_LENGTH.pack(len(effect)) + effect for effect in effects)


def apply_effect(  # what, where, and what it adds to
    effect: bytes, partition: int, sequence: int, transaction: Transaction, tally: RowTally
) -> int:
    """Write an effect; return the last change sequence number in use, `sequence` being the last one before."""
    operation = effect[0]
    if operation not in _ON_ITEMS:
        return _apply_other(effect, partition, sequence, transaction, tally)
    _, table = _HEAD.unpack_from(effect)
    start = _HEAD.size
    if operation in _LOGGED:
        sequence += 1
        change = effect[start:]
        place = change_key(partition, table, sequence)
        row = encode_row(change, place)
        transaction.put(Space.CHANGES, place, row)
        tally.digests.row(Space.CHANGES, place, row, None)
        start = record_start(effect, start)
    record = effect[start:]
    key = key_in(record)
    if operation in _STORING:
        tally.stored(table, _TABLE, record, store(transaction, table, _TABLE, key, key_hash(key.partition), record))
    else:
        tally.removed(table, _TABLE, remove(transaction, table, _TABLE, key, key_hash(key.partition)))
    return sequence


def _apply_other(  # what, where, and what it adds to
    effect: bytes, partition: int, sequence: int, transaction: Transaction, tally: RowTally
) -> int:
    match effect[0]:
        case Operation.SEVERAL:
            for part in _parts(effect):
                sequence = apply_effect(part, partition, sequence, transaction, tally)
        case Operation.STORE_ROW | Operation.REMOVE_ROW:
            _apply_row(effect, transaction, tally)
        case Operation.FED:
            write_fed(transaction, partition, *_FED.unpack(effect)[1:])
        case Operation.CHECKPOINT:
            tally.write(partition, transaction)
            tally.clear()
            write_checkpoint(transaction, partition, _CHECKPOINT.unpack(effect)[1])
        case Operation.EXPIRY:
            _, table = _HEAD.unpack_from(effect)
            apply_rows(effect[_HEAD.size :], partition, table, transaction, tally.digests)
        case unknown:
            raise AssertionError(f"expected a known operation, found {unknown}: this release is too old for this log")
    return sequence


def _apply_row(effect: bytes, transaction: Transaction, tally: RowTally) -> None:
    operation, table, index = _ROW_HEAD.unpack_from(effect)
    record = effect[_ROW_HEAD.size :]
    key = key_in(record)
    if operation == Operation.STORE_ROW:
        tally.stored(table, index, record, store(transaction, table, index, key, key_hash(key.partition), record))
    else:
        tally.removed(table, index, remove(transaction, table, index, key, key_hash(key.partition)))


def logged_tables(effects: Iterable[bytes]) -> set[int]:
    """Return the tables in whose change log these effects leave a record."""
    tables: set[int] = set()
    for effect in effects:
        if effect[0] == Operation.SEVERAL:
            tables |= logged_tables(_parts(effect))
        elif effect[0] in _LOGGED:
            tables.add(_HEAD.unpack_from(effect)[1])
    return tables


def _parts(effect: bytes) -> Iterator[bytes]:
    position = 1
    while position < len(effect):
        (length,) = _LENGTH.unpack_from(effect, position)
        start = position + _LENGTH.size
        position = start + length
        yield effect[start:position]
