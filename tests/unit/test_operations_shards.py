"""Shards and their parents, and sequence numbers as texts: pure functions of a stream and the lives of partitions."""

import pytest

from router.operations.shards import PartitionLife, Shard, parsed_sequence, sequence_text, shards_of
from wire.catalog import PartitionId
from wire.errors import StoreError
from wire.tables import StreamSpec, StreamViewType

ONE, TWO, THREE, FOUR = map(PartitionId, (1, 2, 3, 4))


def stream(created_ms: int, disabled_ms: int = 0) -> StreamSpec:
    return StreamSpec(StreamViewType.KEYS_ONLY, "label", 3, created_ms, disabled_ms)


def name(time_ms: int, partition: int) -> str:
    return f"shardId-{time_ms:020d}-{partition:08x}"


def lives_of_a_split(split_ms: int) -> list[PartitionLife]:
    """Return partition 1 split into 2 and 3, beside 4 that goes on."""
    return [
        PartitionLife(ONE, ended_ms=split_ms),
        PartitionLife(TWO, split_ms, parent=ONE),
        PartitionLife(THREE, split_ms, parent=ONE),
        PartitionLife(FOUR),
    ]


# The plain case: a shard for every partition, open as long as the stream is enabled.
def test_every_partition_has_a_shard() -> None:
    lives = [PartitionLife(ONE), PartitionLife(TWO)]
    assert shards_of(stream(50), lives) == [
        Shard(name(50, 1), ONE, None, False),
        Shard(name(50, 2), TWO, None, False),
    ]
    assert [shard.is_ended for shard in shards_of(stream(50, 60), lives)] == [True, True]


# Consumers finish a parent before they begin its children: the parent is closed, the children name it.
def test_a_split_ends_a_shard_and_begins_two() -> None:
    assert shards_of(stream(50), lives_of_a_split(70)) == [
        Shard(name(50, 1), ONE, None, True),
        Shard(name(50, 4), FOUR, None, False),
        Shard(name(70, 2), TWO, name(50, 1), False),
        Shard(name(70, 3), THREE, name(50, 1), False),
    ]


# A stream that began after the split has nothing of the parent, so that its children have none.
@pytest.mark.parametrize("created_ms", [70, 80])
def test_a_stream_knows_only_partitions_of_its_time(created_ms: int) -> None:
    shards = shards_of(stream(created_ms), lives_of_a_split(70))
    assert [(shard.partition, shard.parent) for shard in shards] == [(TWO, None), (THREE, None), (FOUR, None)]


# A stream that ended before the split has nothing of the children.
@pytest.mark.parametrize("disabled_ms", [60, 70])
def test_a_stream_that_ended_has_no_later_shards(disabled_ms: int) -> None:
    shards = shards_of(stream(50, disabled_ms), lives_of_a_split(70))
    assert [(shard.partition, shard.is_ended) for shard in shards] == [(ONE, True), (FOUR, True)]


# Generations follow one another: whatever the order in which lives are told, parents come first, page by page.
def test_parents_come_before_their_children() -> None:
    lives = [PartitionLife(ONE, ended_ms=60)]
    for number in range(2, 12):
        ended_ms = 0 if number == 11 else 50 + 10 * number
        lives.append(PartitionLife(PartitionId(number), 40 + 10 * number, ended_ms, PartitionId(number - 1)))
    shards = shards_of(stream(5), reversed(lives))
    assert [shard.partition for shard in shards] == list(range(1, 12))
    assert [shard.parent for shard in shards] == [None, *(shard.id for shard in shards[:-1])]
    assert all(28 <= len(shard.id) <= 65 for shard in shards)


# Texts sort like numbers, keep AWS's length, and survive a client that takes them for numbers.
@pytest.mark.parametrize("sequence", [0, 1, 10**19, (1 << 64) - 1])
def test_sequence_numbers_survive_as_numbers(sequence: int) -> None:
    text = sequence_text(sequence)
    assert len(text) == 21
    assert parsed_sequence(str(int(text))) == sequence


# A number below all there are is a place before the first record; what is no number is none.
def test_other_texts() -> None:
    assert parsed_sequence("000000000000000000007") == 0
    for text in ("", "12a", "-1", "\u0663"):
        with pytest.raises(StoreError):
            parsed_sequence(text)
