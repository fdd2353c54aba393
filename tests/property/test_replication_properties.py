"""What must hold for any input: merging is free of order and repetition, and a lane's cursor never passes a gap."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from node.items.merging import wins
from node.replication.cursors import BatchId, Cursor
from node.replication.lanes import Flight, Lane
from wire.commands import Position
from wire.keys import ItemKey
from wire.versions import Version

VERSIONS = st.builds(Version, time=st.integers(0, 50), region=st.integers(1, 4))
PLACES = st.none() | st.tuples(st.binary(max_size=16), st.binary(max_size=8), st.binary(max_size=8))


def merged(versions: list[Version]) -> Version | None:
    stored: Version | None = None
    for version in versions:
        if wins(version, stored):
            stored = version
    return stored


# Regions receive the same writes in different orders, some of them twice: all must keep the same one, and it is the newest.
@given(st.lists(VERSIONS), st.randoms(use_true_random=False))
def test_merging_ends_the_same_in_any_order(versions: list[Version], random: Random) -> None:
    other = [*versions, *random.choices(versions, k=3)] if versions else []
    random.shuffle(other)
    assert merged(versions) == merged(other) == max(versions, default=None)


# Whatever the order of acknowledgements and wherever a link breaks, the cursor stands just before the first unacknowledged batch.
@given(st.lists(st.booleans(), max_size=30), st.randoms(use_true_random=False))
def test_a_lane_acknowledges_a_prefix(acknowledged: list[bool], random: Random) -> None:
    lane: Lane[int] = Lane(0)
    for number in range(1, len(acknowledged) + 1):
        lane.launch(Flight(batch=BatchId(number), through=number * 10))
    settled = [number for number, is_acknowledged in enumerate(acknowledged, 1) if is_acknowledged]
    random.shuffle(settled)
    for number in settled:
        lane.settle(BatchId(number))
    prefix = acknowledged.index(False) if False in acknowledged else len(acknowledged)
    assert (lane.acknowledged, lane.read) == (prefix * 10, len(acknowledged) * 10)
    lane.reset()
    assert (lane.acknowledged, lane.read, len(lane.flights)) == (prefix * 10, prefix * 10, 0)


# A new leader must read exactly what the old one stored.
@given(
    st.builds(
        Cursor,
        generation=st.integers(0, 2**64 - 1),
        sequence=st.integers(0, 2**64 - 1),
        is_scanning=st.booleans(),
        scanned=PLACES,
        members=st.lists(st.integers(1, 65_535), max_size=5).map(tuple),
    )
)
def test_cursors_are_read_as_written(cursor: Cursor) -> None:
    again = Cursor.decode(cursor.encode())
    assert again == cursor
    assert (again.position is None) == (cursor.scanned is None)
    assert again.position is None or again.position == Position(cursor.scanned[0], ItemKey(*cursor.scanned[1:]))  # type: ignore[index]
