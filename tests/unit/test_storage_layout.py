"""The key space: order, ranges, and prefixes that are on people's disks."""

from collections.abc import Callable

import pytest

from node.storage import layout
from node.storage.errors import DamagedRecord
from wire.keys import TokenRange, split_ring

HASH = bytes(range(16))


# Keys are on disk: their form may never change. Written out here so that a change is seen.
def test_keys_have_the_form_that_is_on_disk() -> None:
    assert layout.item_key(1, 2, HASH, b"s") == (b"\0\0\0\x01\0\x02" + HASH + b"s", False)
    assert layout.log_key(1, 2) == b"\0\0\0\x01" + b"\0\0\0\0\0\0\0\x02"
    assert layout.change_key(1, 2, 3) == b"\0\0\0\x01\0\0\0\x02" + b"\0\0\0\0\0\0\0\x03"
    assert layout.state_key(1, "applied") == b"\0\0\0\x01applied"


# LMDB's keys end at 511 bytes; what does not fit is cut and said to be.
@pytest.mark.parametrize(("sort_bytes", "cut"), [(0, False), (489, False), (490, True), (1_024, True)])
def test_long_sort_keys_are_cut(sort_bytes: int, cut: bool) -> None:
    stored_key, was_cut = layout.item_key(1, 0, HASH, b"s" * sort_bytes)
    assert (len(stored_key), was_cut) == (min(22 + sort_bytes, 511), cut)


# What went into a key can be read back out of it.
def test_parts_come_back_out_of_keys() -> None:
    stored_key, _ = layout.item_key(7, 3, HASH, b"sort")
    assert layout.table_and_index_of(stored_key) == (7, 3)
    assert layout.hash_of(stored_key) == HASH
    assert layout.log_index_of(layout.log_key(7, 1 << 40)) == 1 << 40
    assert layout.change_sequence_of(layout.change_key(7, 8, 1 << 40)) == 1 << 40
    assert layout.state_name_of(layout.state_key(7, "name")) == "name"


# State rows are found by what is in their keys: one that a flipped bit has changed is damage, to whoever meets it.
@pytest.mark.parametrize(
    "read",
    [layout.state_name_of, layout.table_of_sizes, layout.fed_index_of],
    ids=["a name", "a table", "an index"],
)
def test_a_damaged_state_key_is_damage(read: Callable[[bytes], object]) -> None:
    with pytest.raises(DamagedRecord, match="no key of a state row"):
        read(layout.state_key(7, "name")[:-1] + b"\xc1")


# A range that ends at all ones has to carry into the next byte, or end nowhere.
@pytest.mark.parametrize(
    ("prefix", "after"), [(b"a", b"b"), (b"a\xff", b"b"), (b"a\xff\xff", b"b"), (b"\xff\xff", None), (b"", None)]
)
def test_successor_is_the_first_key_beyond_a_prefix(prefix: bytes, after: bytes | None) -> None:
    assert layout.successor(prefix) == after
    assert after is None or prefix + b"\xff" * 600 < after


# Token ranges of neighbours touch without overlapping, up to the end of the ring.
def test_token_bounds_touch() -> None:
    bounds = [layout.token_bounds(1, 0, each) for each in split_ring(3)]
    assert bounds[0][0] == layout.item_key(1, 0, bytes(8), b"")[0]
    assert [upper for _, upper in bounds[:-1]] == [lower for lower, _ in bounds[1:]]
    assert bounds[-1][1] == layout.table_range(1, 0)[1]
    last, _ = layout.item_key(1, 0, b"\xff" * 16, b"\xff" * 489)
    assert bounds[-1][1] is not None
    assert bounds[-1][0] <= last < bounds[-1][1]


# The last table and index possible has nothing behind it.
def test_last_table_ends_with_the_space() -> None:
    assert layout.token_bounds((1 << 32) - 1, (1 << 16) - 1, TokenRange(0, 1 << 64))[1] is None


# Change records are read from a cursor, which was seen already.
def test_change_range_is_open_at_its_cursor() -> None:
    lower, upper = layout.change_range(1, 2, after=5, up_to=7)
    inside = [sequence for sequence in range(10) if lower <= layout.change_key(1, 2, sequence) < (upper or b"")]
    assert inside == [6, 7]
    lower, upper = layout.change_range(1, 2)
    assert upper is not None
    assert lower <= layout.change_key(1, 2, 0) < layout.change_key(1, 2, (1 << 64) - 1) < upper
    assert not lower <= layout.change_key(1, 3, 0) < upper


# Promises of one replica must never reach another in a snapshot.
def test_replicated_state_leaves_local_rows_out() -> None:
    def is_replicated(name: str) -> bool:
        stored_key = layout.state_key(5, name)
        ranges = layout.replicated_state_ranges(5)
        return any(lower <= stored_key and (upper is None or stored_key < upper) for lower, upper in ranges)

    assert [is_replicated(name) for name in ("cursor", "local/vote", "local/", "z", "applied", "locals")] == [
        True,
        False,
        False,
        True,
        True,
        True,
    ]
