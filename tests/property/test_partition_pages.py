"""A page that is read in slices says what one says that is read at once, and both say what a plain list does."""

from itertools import cycle
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.partition_indexes import indexed_table
from tests.support.partition_items import delete, key_item, put, query, table
from tests.support.partition_machine import WHOLE, MachineBench
from wire.commands import Page, Range
from wire.expressions import Tree, any_of, comparison, one_of, packed, path, projection, value
from wire.keys import key_hash

# Sort keys past what an engine's key holds share a stored key.
sorts = st.one_of(st.text("abc", max_size=2), st.text("ab", max_size=2).map(lambda end: "x" * 600 + end))
places = st.tuples(st.sampled_from("xy"), sorts)
contents = st.dictionaries(places, st.integers(0, 3), max_size=12)
VALUES: list[Any] = [{"N": "0"}, {"N": "1"}, {"S": "no number"}, {"L": [{"N": "2"}]}]
FILTERS: list[Tree | None] = [
    None,
    comparison(">", path("n"), value(0)),
    one_of(path("n"), *(value(index) for index in range(4))),
    any_of(one_of(path("n"), value(0), value(0)), one_of(path("s"), value(2), path("s"))),
]
options = st.fixed_dictionaries(
    {
        "reverse": st.booleans(),
        "limit": st.integers(0, 5),
        "bytes_max": st.sampled_from([1, 60, 2_000, 1 << 20]),
        "filter": st.sampled_from([b"" if tree is None else packed(tree) for tree in FILTERS]),
        "values": st.just(orjson.dumps(VALUES)),
        "projection": st.sampled_from([b"", packed(projection(path("n"), path("s")))]),
        "count_only": st.booleans(),
    }
)


def filled(items: dict[tuple[str, str], int], deleted: set[tuple[str, str]], *, indexed: bool = False) -> MachineBench:
    bench = MachineBench(indexed_table(global_=True) if indexed else table(global_=True))
    for place in {**items, **dict.fromkeys(sorted(deleted), 0)}:
        bench.run(put(*place, n={"N": str(items.get(place, 0))}))
    for place in sorted(deleted - items.keys()):
        bench.run(delete(*place))
    return bench


# However a page is cut into slices, it holds the same items and the same counts, and ends at the same place.
@settings(deadline=None)  # a busy machine is no failure
@given(contents, st.sets(places, max_size=4), options, st.lists(st.booleans(), min_size=1), st.sampled_from("xy-12"))
def test_a_sliced_page_is_the_page(
    items: dict[tuple[str, str], int],
    deleted: set[tuple[str, str]],
    chosen: dict[str, Any],
    cuts: list[bool],
    what: str,
) -> None:
    bench = filled(items, deleted, indexed=what in "12")
    command = (
        query("x" if what in "12" else what, **chosen) if what != "-" else Range(1, **{**chosen, "reverse": False})
    )
    if what in "12":
        command = command._replace(index=int(what), from_table=True)
    is_over = cycle(cuts).__next__
    while True:
        whole = bench.page(command)
        assert bench.sliced(command, is_over) == whole
        if whole.last is None:
            break
        command = command._replace(start=whole.last)


def early(bench: MachineBench, command: Range) -> Page:
    """Return the page as it is after its first slice of one record."""
    reader = bench.machine.page_reader(command, WHOLE)
    with bench.engine.snapshot() as view:
        assert bench.machine.read_slice(reader, view, lambda: True) is None
    return reader.page()


# A page may end anywhere: whoever goes on where it says sees every item once, and what was looked at is counted once.
@settings(deadline=None)  # a busy machine is no failure
@given(contents, st.sets(places, max_size=4), options, st.sampled_from("xy-"))
def test_pages_that_end_early_are_the_range(
    items: dict[tuple[str, str], int], deleted: set[tuple[str, str]], chosen: dict[str, Any], what: str
) -> None:
    bench = filled(items, deleted)
    chosen = {**chosen, "limit": 0, "bytes_max": 1 << 20}
    command = query(what, **chosen) if what != "-" else Range(1, **{**chosen, "reverse": False})
    whole, pages = bench.page(command), [early(bench, command)]
    while (last := pages[-1].last) is not None:
        assert pages[-1].scanned_count <= 1
        pages.append(early(bench, command._replace(start=last)))
    assert [item for page in pages for item in page.items] == list(whole.items)
    assert sum(page.count for page in pages) == whole.count
    assert sum(page.scanned_count for page in pages) == whole.scanned_count
    assert sum(page.scanned_bytes for page in pages) == whole.scanned_bytes


# Against a plain list: what is there, in order, cut after the item that reaches the limit; then filtered.
@settings(deadline=None)  # a busy machine is no failure
@given(contents, st.integers(0, 5), st.booleans(), st.sampled_from(range(len(FILTERS))))
def test_a_page_is_a_slice_of_a_sorted_list(
    items: dict[tuple[str, str], int], limit: int, is_scan: bool, filtered: int
) -> None:
    bench = filled(items, set())
    tree = FILTERS[filtered]
    chosen: dict[str, Any] = {"limit": limit, "values": orjson.dumps(VALUES), "filter": packed(tree) if tree else b""}
    command = Range(1, **chosen) if is_scan else query("x", **chosen)
    page = bench.sliced(command, lambda: True)
    places = [place for place in items if is_scan or place[0] == "x"]
    places.sort(key=lambda place: (key_hash(place[0].encode()), place[1]))
    looked_at = places[:limit] if limit else places
    wanted = [
        key_item(*place) | {"n": {"N": str(items[place])}}
        for place in looked_at
        if filtered == 0
        or (filtered == 1 and items[place] > 0)
        or (filtered == 2 and items[place] < 2)
        or filtered == 3
    ]
    assert isinstance(page, Page)
    assert [orjson.loads(item) for item in page.items] == wanted
    assert (page.count, page.scanned_count) == (len(wanted), len(looked_at))
    assert (page.last is None) == (not limit or len(places) < limit)
