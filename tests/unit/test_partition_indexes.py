"""Local indexes in the effects of writes: rows, units, item collections, counts."""

import orjson
import pytest
from msgspec import structs

from node.partition.rows import write_sizes
from node.storage.engine import Space
from tests.support.partition_core import CoreBench
from tests.support.partition_indexes import BY_N, BY_T, GLOBAL_T, check_derived, collections, indexed_table, rows
from tests.support.partition_items import body, change, delete, get, key, merge, put, query, table, update
from tests.support.partition_machine import PARTITION, MachineBench
from wire.commands import Failed, Measure, Measured, Merged, Page, Range, Write, WriteKind, Written
from wire.errors import ErrorCode
from wire.expressions import assign, comparison, packed, path, projection, value
from wire.expressions import update as update_tree
from wire.indexes import segment
from wire.items import item_size
from wire.keys import ItemKey, encode_key_value
from wire.tables import IndexStatus

NOW_MS = 1_700_000_000_000
ONE, TWO = {"N": "1"}, {"N": "2"}
A, B = {"S": "a"}, {"S": "b"}


def written(bench: MachineBench, command: Write) -> Written:
    outcome = bench.run(command).outcome
    assert isinstance(outcome, Written), outcome
    return outcome


def checked(bench: MachineBench) -> None:
    with bench.engine.snapshot() as view:
        check_derived(view, PARTITION, bench.tables[1])


def row_key(text: str, sort: str = "a", kind: str = "S", partition: str = "x") -> ItemKey:
    return ItemKey(partition.encode(), segment(encode_key_value(kind, text)) + sort.encode())  # type: ignore[arg-type]


# The rows of an item are there with the item, in the same transaction, and hold what is projected.
def test_a_put_stores_its_rows() -> None:
    bench = MachineBench(indexed_table())
    bench.run(put("x", n=ONE, t=A, more={"S": "m"}))
    with bench.engine.snapshot() as view:
        whole = orjson.loads(body("x", n=ONE, t=A, more={"S": "m"}))
        assert rows(view, 1) == {row_key("1", kind="N"): (whole, item_size(whole))}
        keys = {"p": {"S": "x"}, "s": {"S": "a"}, "t": A}
        assert rows(view, 2) == {row_key("a"): (keys, item_size(keys))}
    checked(bench)


# Indexes are sparse: an item without the attribute, or with one of another type, has no row.
def test_an_item_without_the_key_has_no_row() -> None:
    bench = MachineBench(indexed_table())
    bench.run(put("x", n={"S": "not a number"}))
    bench.run(put("x", "b"))
    with bench.engine.snapshot() as view:
        assert rows(view, 1) == rows(view, 2) == {}
    checked(bench)


# A row under a new key must not leave the old one behind; one that lost its attribute goes.
def test_rows_move_and_go_with_their_items() -> None:
    bench = MachineBench(indexed_table())
    bench.run(put("x", n=ONE, t=A))
    bench.run(put("x", n=TWO, t=B))
    with bench.engine.snapshot() as view:
        assert list(rows(view, 1)) == [row_key("2", kind="N")]
        assert list(rows(view, 2)) == [row_key("b")]
    bench.run(put("x", n=TWO))
    with bench.engine.snapshot() as view:
        assert rows(view, 2) == {}
    bench.run(delete("x"))
    with bench.engine.snapshot() as view:
        assert rows(view, 0) == rows(view, 1) == {}
    checked(bench)


# Writes that a turn evaluates one after the other all see the rows of the one before, although nothing is applied.
def test_pending_writes_move_each_others_rows() -> None:
    bench = MachineBench(indexed_table())
    for number in range(5):
        bench.evaluate(put("x", n={"N": str(number)}, t=A))
    bench.apply()
    with bench.engine.snapshot() as view:
        assert list(rows(view, 1)) == [row_key("4", kind="N")]
    checked(bench)


# What an index does not hold does not concern it: the row keeps even its version, and costs nothing.
def test_an_unchanged_row_is_not_written() -> None:
    bench = MachineBench(indexed_table())
    bench.run(put("x", n=ONE, t=A))
    outcome = written(bench, put("x", n=TWO, t=A))
    assert outcome.index_units == ((1, 2),)
    with bench.engine.snapshot() as view:
        assert list(rows(view, 2)) == [row_key("a")]
    checked(bench)


# Where items of other regions come in, their rows come with them; a remote delete takes them away.
def test_merges_bring_rows_and_take_them() -> None:
    bench = MachineBench(indexed_table(global_=True))
    bench.run(put("x", n=ONE, t=A))
    arrived = merge(
        change("x", NOW_MS + 10, n=TWO), change("x", NOW_MS + 20, n=ONE, t=B), change("y", NOW_MS, n=ONE, t=A)
    )
    assert bench.run(arrived).outcome == Merged(3, 0)
    with bench.engine.snapshot() as view:
        assert set(rows(view, 2)) == {row_key("b"), row_key("a", partition="y")}
    checked(bench)
    assert bench.run(merge(change("x", NOW_MS + 30), change("y", NOW_MS - 1, n=TWO))).outcome == Merged(1, 1)
    with bench.engine.snapshot() as view:
        assert list(rows(view, 1)) == [row_key("1", kind="N", partition="y")]
    checked(bench)


# AWS charges a row like an item of its own: a new one, a removed one, the larger of two under one key, both when the key changes.
def test_units_of_rows_are_told_by_index() -> None:
    bench = MachineBench(indexed_table(BY_N, BY_T, GLOBAL_T))
    large = {"S": "x" * 1_500}
    assert written(bench, put("x", n=ONE, t=A)).index_units == ((1, 1), (2, 1), (3, 1))
    assert written(bench, put("x", n=ONE, t=A, more=large)).index_units == ((1, 2),)
    assert written(bench, put("x", n=ONE, t=A)).index_units == ((1, 2),)
    assert written(bench, put("x", n=TWO, t=A, more=large)).index_units == ((1, 3), (3, 1))
    assert written(bench, put("x", n=TWO, t=B, more=large)).index_units == ((1, 2), (2, 2), (3, 2))
    assert written(bench, put("x", n=TWO, t=B, more=large)).index_units == ()
    assert written(bench, delete("x")).index_units == ((1, 2), (2, 1), (3, 1))
    assert written(bench, delete("x")).index_units == ()


# An index on its way out costs nothing any more.
def test_an_index_being_deleted_costs_nothing() -> None:
    bench = MachineBench(indexed_table(structs.replace(GLOBAL_T, status=IndexStatus.DELETING)))
    assert written(bench, put("x", t=A)).index_units == ()


# Rows of global indexes stand elsewhere, and only tables with local ones have collections.
def test_global_indexes_leave_no_rows_and_no_collections_here() -> None:
    bench = MachineBench(indexed_table(GLOBAL_T))
    assert written(bench, put("x", t=A)).collection_bytes == -1
    with bench.engine.snapshot() as view:
        assert rows(view, 3) == {}
        assert collections(view) == {}


# The price of indexes is paid where there are some: elsewhere an item is bytes, and nobody looks inside.
def test_items_without_indexes_are_not_decoded() -> None:
    bench = MachineBench(table())
    for _ in range(2):
        bench.run(Write(WriteKind.PUT, 1, key("x"), b"no JSON at all", 14))
        bench.run(Write(WriteKind.DELETE, 1, key("x")))


# ItemCollectionMetrics: items and rows of one partition key together, those of writes that are not applied included.
def test_a_collection_counts_items_and_rows() -> None:
    bench = MachineBench(indexed_table())
    first, second = put("x", n=ONE, t=A), put("x", "b", t=A)
    keys = item_size({"p": {"S": "x"}, "s": {"S": "a"}, "t": A})
    outcome = bench.evaluate(first).outcome
    assert isinstance(outcome, Written)
    assert outcome.collection_bytes == 2 * first.size + keys
    outcome = bench.evaluate(second).outcome
    assert isinstance(outcome, Written)
    assert outcome.collection_bytes == 2 * first.size + keys + second.size + keys
    outcome = bench.evaluate(delete("x")).outcome
    assert isinstance(outcome, Written)
    assert outcome.collection_bytes == second.size + keys
    bench.apply()
    with bench.engine.snapshot() as view:
        assert collections(view) == {b"x": second.size + keys}
    assert written(bench, delete("x", "b")).collection_bytes == 0
    assert written(bench, delete("x", "b")).collection_bytes == 0
    with bench.engine.snapshot() as view:
        assert collections(view) == {}


# AWS refuses what makes a full collection larger, in these words, and still takes what makes it smaller.
def test_a_full_collection_only_shrinks() -> None:
    bench = MachineBench(indexed_table(), collection_bytes_max=200)
    large = {"S": "x" * 60}
    bench.evaluate(put("x", n=ONE, more=large))
    before = bench.index
    refused = bench.evaluate(put("x", "b", n=TWO, more=large))
    assert refused.outcome == Failed(ErrorCode.ITEM_COLLECTION_SIZE_LIMIT_EXCEEDED, "Collection size exceeded.")
    assert (refused.effect, refused.rests_on) == (b"", before)
    growing = update("x", tree=update_tree(assign(path("even"), value(0))), values=[large])
    assert isinstance(bench.evaluate(growing).outcome, Failed)
    assert isinstance(bench.evaluate(put("y", n=ONE, more=large)).outcome, Written)
    assert isinstance(bench.evaluate(put("x", n=TWO, more={"S": "x" * 50})).outcome, Written)
    bench.apply()
    checked(bench)


# A limit that was lowered finds collections beyond it: what does not grow them is taken.
def test_a_collection_beyond_its_limit_may_shrink() -> None:
    bench = MachineBench(indexed_table(global_=True), collection_bytes_max=10)
    bench.run(merge(change("x", NOW_MS - 1_000, n=ONE, more={"S": "x" * 50})))
    assert isinstance(bench.run(put("x", n=TWO, more={"S": "x" * 50})).outcome, Written)
    assert isinstance(bench.run(put("x", n=ONE, more={"S": "x" * 40})).outcome, Written)
    assert isinstance(bench.run(put("x", n=ONE, more={"S": "x" * 41})).outcome, Failed)
    assert isinstance(bench.run(delete("x")).outcome, Written)
    checked(bench)


# Leadership lost: sizes of what was never committed must not fill a collection.
def test_discarded_writes_leave_no_size() -> None:
    bench = MachineBench(indexed_table())
    first = written(bench, put("x", n=ONE))
    bench.evaluate(put("x", "b", n=ONE))
    bench.machine.discard(2)
    bench.index = 1
    second = written(bench, put("x", "c", n=ONE))
    assert second.collection_bytes == 2 * first.collection_bytes
    checked(bench)


# What another region has accepted is taken, however large the collection becomes here: the regions have to agree.
def test_a_merge_fills_a_collection_beyond_its_limit() -> None:
    bench = MachineBench(indexed_table(global_=True), collection_bytes_max=10)
    assert bench.run(merge(change("x", NOW_MS, n=ONE), change("x", NOW_MS, "b", n=ONE))).outcome == Merged(2, 0)
    checked(bench)


# Counts behind DescribeTable: what lives, in the table and in each index, and no tombstones.
def test_measure_counts_what_lives() -> None:
    bench = MachineBench(indexed_table(global_=True))
    first, second = put("x", n=ONE, t=A), put("y", n=TWO)
    keys = item_size({"p": {"S": "x"}, "s": {"S": "a"}, "t": A})
    bench.run(first)
    bench.run(second)
    both = first.size + second.size
    assert bench.read(Measure(1)) == Measured(((0, 2, both), (1, 2, both), (2, 1, keys)))
    bench.run(delete("x"))
    assert bench.read(Measure(1)) == Measured(((0, 1, second.size), (1, 1, second.size)))
    bench.run(delete("y"))
    assert bench.read(Measure(1)) == Measured(())
    bench.run(merge(change("z", NOW_MS)))
    assert bench.read(Measure(1)) == Measured(())


# Counts are kept with the data, so that a snapshot or a restart carries them; rows of an index that is gone are not told.
def test_measure_tells_of_present_indexes_only() -> None:
    bench = MachineBench(indexed_table())
    size = item_size(orjson.loads(body("x", n=ONE)))
    bench.run(put("x", n=ONE))
    bench.tables[1] = indexed_table(BY_T)
    with bench.engine.snapshot() as view:
        bench.machine.restored(view)
    assert bench.read(Measure(1)) == Measured(((0, 1, size),))


# A data directory may be older than its counts: what goes that was never counted must not make an answer impossible.
def test_what_was_never_counted_counts_as_nothing() -> None:
    bench = MachineBench(indexed_table())
    bench.run(put("x", n=ONE))
    bench.run(put("y"))
    with bench.engine.transaction() as transaction:
        write_sizes(transaction, PARTITION, 1, {0: (1, 10), 1: (0, 0)})
    bench.run(delete("x"))
    assert bench.read(Measure(1)) == Measured(())


# One row of counts and one of digests per table, however many writes an apply brings: that is all that a table without indexes costs.
def test_many_writes_leave_one_row_of_counts_and_one_of_digests() -> None:
    bench = MachineBench(table())
    for number in range(64):
        bench.evaluate(put("x", str(number), n=ONE))
    bench.apply()
    with bench.engine.snapshot() as view:
        assert len(list(view.scan(Space.STATE, b"", None))) == 2
    checked(bench)


# Any replica tells its counts, at once, whether it leads or not; one that is being filled does not.
def test_a_follower_measures() -> None:
    bench = CoreBench(indexed_table())
    assert bench.ask(Measure(1)) == Measured(())
    bench.elect().ask(put("x"))
    outcome = bench.ask(Measure(1))
    assert isinstance(outcome, Measured)
    assert [index for index, _, _ in outcome.sizes] == [0]
    bench.core.is_installing = True
    outcome = bench.ask(Measure(1))
    assert isinstance(outcome, Failed)
    assert outcome.code is ErrorCode.NOT_READY


# A query of an index in its own order, page after page, forwards and backwards, over equal keys.
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_an_index_is_read_in_its_order(limit: int, *, reverse: bool) -> None:
    bench = MachineBench(indexed_table())
    numbers = {"a": "10", "b": "9", "c": "-1", "d": "9", "e": "1.5"}
    for sort, number in numbers.items():
        bench.run(put("x", sort, n={"N": number}))
    bench.run(put("y", n=ONE))
    found = bench.all_pages(query("x", index=1, limit=limit, reverse=reverse))
    wanted = ["c", "e", "b", "d", "a"]
    assert [item["s"]["S"] for item in found] == (wanted[::-1] if reverse else wanted)


# A condition on the index key: whole segments as the prefix of the row's key.
def test_an_index_is_read_between_bounds() -> None:
    bench = MachineBench(indexed_table())
    for sort, text in (("a", "ab"), ("b", "a"), ("c", "abc"), ("d", "a\x00")):
        bench.run(put("x", sort, t={"S": text}))

    def sorts(**options: object) -> list[str]:
        return [item["s"]["S"] for item in bench.all_pages(query("x", index=2, **options))]

    assert sorts(prefix=segment(b"a")) == ["b"]
    assert sorts(lower=segment(b"a") + b"\xff", upper=segment(b"abc")) == ["d", "a"]
    assert sorts(prefix=b"ab") == ["a", "c"]


# A piece of a scan of an index, in hash order, from the rows alone.
def test_an_index_is_scanned() -> None:
    bench = MachineBench(indexed_table())
    for name in "uvwxyz":
        bench.run(put(name, t=A))
        bench.run(put(name, "b", n=ONE))
    half = 1 << 63
    found = [
        item["p"]["S"]
        for lower, upper in ((0, half), (half, 1 << 64))
        for item in bench.all_pages(Range(1, index=2, lower_token=lower, upper_token=upper, limit=2))
    ]
    assert sorted(found) == list("uvwxyz")


# Attributes that an index does not hold are fetched from the table: filter and projection see the item, and each item costs
# its own units.
def test_items_are_fetched_for_rows_of_a_local_index() -> None:
    bench = MachineBench(indexed_table())
    large = {"S": "x" * 5_000}
    bench.run(put("x", "a", t=A, n=ONE, more=large))
    bench.run(put("x", "b", t=B, n=TWO))
    fetching = query("x", index=2, from_table=True)
    found = bench.page(fetching)
    assert [orjson.loads(item) for item in found.items] == [
        orjson.loads(body("x", "a", t=A, n=ONE, more=large)),
        orjson.loads(body("x", "b", t=B, n=TWO)),
    ]
    keys = item_size({"p": {"S": "x"}, "s": {"S": "a"}, "t": A})
    assert (found.fetched_units, found.scanned_bytes) == (3, 2 * keys)
    filtered = fetching._replace(
        filter=packed(comparison("=", path("n"), value(0))),
        values=orjson.dumps([TWO]),
        projection=packed(projection(path("n"))),
    )
    page = bench.page(filtered)
    assert (page.items, page.count, page.scanned_count, page.fetched_units) == ((orjson.dumps({"n": TWO}),), 1, 2, 3)


# Rows may be tiny and their items large: a page must stay bounded by what it fetches.
def test_fetched_items_end_a_page() -> None:
    bench = MachineBench(indexed_table())
    for sort in "abc":
        bench.run(put("x", sort, t=A, more={"S": "x" * 600}))
    page = bench.page(query("x", index=2, from_table=True, bytes_max=1_000))
    assert (page.count, page.last is None) == (2, False)
    assert len(bench.all_pages(query("x", index=2, from_table=True, bytes_max=1_000))) == 3


# A strong query of a local index must wait for committed writes to be applied, as one of the table does.
def test_a_strong_read_of_an_index_waits_for_apply() -> None:
    bench = CoreBench(indexed_table()).elect()
    bench.applies = False
    assert isinstance(bench.ask(put("x", n=ONE)), Written)
    waiting = bench.submit(query("x", index=1))
    bench.run()
    assert waiting not in bench.outcomes
    bench.applies = True
    bench.apply()
    bench.run()
    page = bench.outcomes[waiting]
    assert isinstance(page, Page)
    assert page.count == 1
    assert bench.ask(get("x")) is not None
