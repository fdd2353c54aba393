"""Shards as clients name them: what a stream has of one partition, from its beginning or the partition's to the end of either.

Knows names, parents and sequence numbers. Refuses to know what a shard holds.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from router.operations.store import Store
from router.operations.streams import TableStream
from wire.catalog import PartitionId, Placement
from wire.commands import Changes, ReadChanges
from wire.errors import ErrorCode, StoreError, validation_error
from wire.keys import RING_TOKENS
from wire.limits import PAGE_BYTES_MAX
from wire.tables import StreamSpec

# Texts have no leading zeros, so that a client which reads one as a number and writes it again has the same text.
_SEQUENCE_ZERO: Final = 10**20
_SEQUENCE_MAX: Final = (1 << 63) - 1


class PartitionLife(NamedTuple):
    """How long a partition has been writing changes: from `began_ms` on (0 = ever), to `ended_ms` (0 = it still does).

    One that was made by splitting or joining others has the one whose changes come before its own as `parent`.
    """

    partition: PartitionId
    began_ms: int = 0
    ended_ms: int = 0
    parent: PartitionId | None = None


class Shard(NamedTuple):
    """One shard: its name, the partition that holds it, the name of the shard to be read before it, and whether it has an end."""

    id: str
    partition: PartitionId
    parent: str | None
    is_ended: bool


def partition_lives(placements: Iterable[Placement]) -> list[PartitionLife]:
    """Return the lives of partitions: none has ever been split, so all began with their region and none has ended."""
    return [PartitionLife(placement.partition) for placement in placements]


def shards_of(stream: StreamSpec, lives: Iterable[PartitionLife]) -> list[Shard]:
    """Return a stream's shards, by name, which brings parents before their children.

    A partition has a shard if it wrote while the stream was enabled. A parent whose partition had ended before is none of this stream.
    """
    present = {life.partition: life for life in lives if _overlaps(stream, life)}
    shards = []
    for life in present.values():
        parent = present.get(life.parent) if life.parent is not None else None
        shards.append(
            Shard(
                _shard_id(stream, life),
                life.partition,
                None if parent is None else _shard_id(stream, parent),
                bool(life.ended_ms) or not stream.is_enabled,
            )
        )
    return sorted(shards)


def found_shard(store: Store, found: TableStream, shard_id: str) -> Shard:
    """Return a stream's shard of that name."""
    for shard in all_shards(store, found):
        if shard.id == shard_id:
            return shard
    raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found: Shard does not exist")


def all_shards(store: Store, found: TableStream) -> list[Shard]:
    """Return every shard of a stream, by name."""
    return shards_of(found.stream, partition_lives(store.partitions(0, RING_TOKENS)))


def sequence_text(sequence: int) -> str:
    """Return a sequence number as clients see it: 21 digits."""
    return str(_SEQUENCE_ZERO + sequence)


def parsed_sequence(text: str) -> int:
    """Return the sequence number that a client names; 0 for any that is below all there are."""
    if not (text.isascii() and text.isdigit()):
        raise validation_error(f"Invalid SequenceNumber: {text}")
    return max(0, int(text) - _SEQUENCE_ZERO)


def changes_after(found: TableStream, after: int, limit: int, since_ms: int = 0) -> ReadChanges:
    """Return the command that reads a page of a stream's changes with sequence numbers above `after`."""
    return ReadChanges(found.table.number, found.stream.generation, after, limit, PAGE_BYTES_MAX, since_ms)


async def read_changes(store: Store, shard: Shard, wanted: ReadChanges, deadline: float) -> Changes:
    """Return a page of a shard's changes."""
    changes = await store.execute_on(shard.partition, wanted, deadline=deadline)
    assert type(changes) is Changes, f"expected Changes, found {changes!r}"
    return changes


async def read_ends(store: Store, found: TableStream, shard: Shard, deadline: float) -> Changes:
    """Return where a shard begins and ends, and no changes."""
    wanted = changes_after(found, _SEQUENCE_MAX, 1)._replace(bounds=True)
    return await read_changes(store, shard, wanted, deadline)


def trimmed() -> StoreError:
    """Return the error of a reader whose place is before the oldest record that is left."""
    return StoreError(ErrorCode.TRIMMED_DATA_ACCESS, "The data you are trying to access has been trimmed")


def _overlaps(stream: StreamSpec, life: PartitionLife) -> bool:
    is_before = stream.disabled_ms and stream.disabled_ms <= life.began_ms
    is_after = life.ended_ms and life.ended_ms <= stream.created_ms
    return not is_before and not is_after


def _shard_id(stream: StreamSpec, life: PartitionLife) -> str:
    return f"shardId-{max(stream.created_ms, life.began_ms):020d}-{life.partition:08x}"
