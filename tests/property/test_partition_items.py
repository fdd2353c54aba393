"""The item machine against a plain dict, whatever is evaluated, applied and discarded in whatever order."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.partition_indexes import check_derived, indexed_table
from tests.support.partition_items import body, change, delete, key, merge, put, query, table, update
from tests.support.partition_machine import PARTITION, MachineBench
from wire.commands import ConditionFailed, Failed, Merge, Merged, Range, Write, Written
from wire.expressions import add, assign, comparison, path, remove, value
from wire.expressions import update as update_tree
from wire.keys import RING_TOKENS, key_hash

NAMES = ("a", "b", "c")
NOW_MS = 1_700_000_000_000
INCREMENT = update_tree(add(path("n"), value(0)))

names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
writes = st.one_of(
    st.tuples(st.just("put"), names, numbers),
    st.tuples(st.just("put_if"), names, numbers),
    st.tuples(st.just("add"), names, numbers),
    st.tuples(st.just("delete"), names, numbers),
    st.tuples(st.just("merge"), names, st.integers(-1_000, 1_000)),
)
steps = st.one_of(
    writes, writes, st.tuples(st.just("apply"), names, numbers), st.tuples(st.just("lose"), names, numbers)
)


@dataclass
class Model:
    """Items by name; `history` has the state before each entry, so that lost entries can be undone."""

    items: dict[str, int] = field(default_factory=dict)
    versions: dict[str, tuple[int, int]] = field(default_factory=dict)
    history: list[tuple[dict[str, int], dict[str, tuple[int, int]]]] = field(default_factory=list)

    def remember(self) -> None:
        self.history.append((dict(self.items), dict(self.versions)))

    def undo(self, count: int) -> None:
        if count:
            self.items, self.versions = self.history[-count]
            del self.history[-count:]


def number(raw: int) -> dict[str, str]:
    return {"N": str(raw)}


def command(kind: str, name: str, raw: int) -> Write:
    if kind == "put":
        return put(name, n=number(raw))
    if kind == "put_if":
        return put(name, condition=comparison("=", path("n"), value(0)), values=[number(raw)], n=number(raw + 1))
    if kind == "add":
        return update(name, tree=INCREMENT, values=[number(raw)])
    return delete(name)


def expected(model: Model, kind: str, name: str, raw: int) -> int | None:
    """Return what the item's number becomes; None = gone or never there."""
    before = model.items.get(name)
    match kind:
        case "put":
            return raw
        case "put_if":
            return raw + 1 if before == raw else before
        case "add":
            return (before or 0) + raw
    return None


def leaves_a_version(model: Model, kind: str, name: str, raw: int) -> bool:
    """Whether a command leaves a new version; in a table with replicas it does so also when the item stays the same."""
    before = model.items.get(name)
    return {"put": True, "put_if": before == raw, "add": True}.get(kind, before is not None)


def check(bench: MachineBench, model: Model) -> None:
    for name in NAMES:
        record = bench.record(key(name))
        shown = None if record is None or record.tombstone else record.body
        wanted = body(name, n=number(model.items[name])) if name in model.items else None
        assert (None if shown is None else orjson.loads(shown)) == (None if wanted is None else orjson.loads(wanted))


def run(bench: MachineBench, model: Model, kind: str, name: str, raw: int) -> None:
    if kind == "merge":
        run_merge(bench, model, name, raw)
        return
    model.remember()
    after = expected(model, kind, name, raw)
    evaluation = bench.evaluate(command(kind, name, raw))
    assert isinstance(evaluation.outcome, (Written, ConditionFailed))
    assert bool(evaluation.effect) == leaves_a_version(model, kind, name, raw), (
        "an effect exactly when something is written"
    )
    if not evaluation.effect:
        model.history.pop()
        return
    if after is None:
        del model.items[name]
    else:
        model.items[name] = after
    record = bench.machine._overlay.newest(1, key(name))
    assert record is not None
    assert record.record is not None
    assert record.record.version > model.versions.get(name, (0, 0)), "a write wins over everything it saw"
    model.versions[name] = record.record.version


def run_merge(bench: MachineBench, model: Model, name: str, raw: int) -> None:
    model.remember()
    incoming = change(name, NOW_MS + raw, n=number(raw + 5_000)) if raw % 3 else change(name, NOW_MS + raw)
    before = model.versions.get(name)
    wins = before is None or incoming.version > before
    evaluation = bench.evaluate(merge(incoming))
    assert evaluation.outcome == Merged(int(wins), int(not wins and incoming.version != before))
    if not wins:
        model.history.pop()
        return
    model.versions[name] = incoming.version
    if incoming.tombstone:
        model.items.pop(name, None)
    else:
        model.items[name] = raw + 5_000


# What clients see is a plain dict, however evaluation, application and lost leadership interleave.
@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(steps, max_size=40))
def test_the_machine_is_a_dict(script: list[tuple[str, str, int]]) -> None:
    bench, model = MachineBench(table(global_=True)), Model()
    for kind, name, raw in script:
        if kind == "apply":
            bench.apply(min(bench.index, bench.applied + raw))
        elif kind == "lose":
            lost = min(raw, bench.index - bench.applied)
            bench.machine.discard(bench.index - lost + 1)
            bench.index -= lost
            model.undo(lost)
        else:
            run(bench, model, kind, name, raw)
        check(bench, model)
    bench.apply()
    check(bench, model)
    assert bench.machine.pending_count == 0


# The change log alone, replayed, gives the same items: stream readers and shippers rely on nothing else.
@settings(deadline=None)  # a busy machine is no failure
@given(st.lists(writes, max_size=40))
def test_the_change_log_tells_every_state(script: list[tuple[str, str, int]]) -> None:
    bench, model = MachineBench(table(global_=True)), Model()
    for kind, name, raw in script:
        run(bench, model, kind, name, raw)
    bench.apply()
    told: dict[bytes, bytes] = {}
    for sequence, record in enumerate(bench.changes(), 1):
        assert record.sequence == sequence
        assert record.old_image == told.get(record.key.partition, b"")
        told[record.key.partition] = record.new_image
    shown = {name.decode(): orjson.loads(image) for name, image in told.items() if image}
    assert {name: int(item["n"]["N"]) for name, item in shown.items()} == model.items


sorts = st.text(st.sampled_from("abc"), max_size=3)
pages = st.fixed_dictionaries(
    {
        "reverse": st.booleans(),
        "limit": st.integers(0, 4),
        "lower": sorts.map(str.encode),
        "lower_included": st.booleans(),
        "upper": st.none() | sorts.map(str.encode),
        "upper_included": st.booleans(),
    }
)


# A query is a sorted list between its bounds, in either direction, however it is cut into pages.
@settings(deadline=None)  # a busy machine is no failure
@given(st.sets(sorts), st.sets(sorts), pages)
def test_query_pages_are_a_sorted_list(kept: set[str], deleted: set[str], options: dict[str, Any]) -> None:
    bench = MachineBench(table(global_=True))
    for sort in sorted(kept | deleted):
        bench.evaluate(put("x", sort))
    for sort in sorted(deleted):
        bench.evaluate(delete("x", sort))
    bench.apply()

    def is_inside(sort: bytes) -> bool:
        above = sort > options["lower"] or (options["lower_included"] and sort == options["lower"])
        upper = options["upper"]
        below = upper is None or sort < upper or (options["upper_included"] and sort == upper)
        return above and below

    found = bench.all_pages(query("x", **options))
    wanted = sorted((sort for sort in kept - deleted if is_inside(sort.encode())), reverse=options["reverse"])
    assert [item["s"]["S"] for item in found] == wanted


# Pieces of a scan see every item once, in hash order, whatever their number and their pages.
@settings(deadline=None)  # a busy machine is no failure
@given(st.sets(st.text("abcdef", min_size=1, max_size=2), max_size=20), st.integers(1, 5), st.integers(0, 3))
def test_scan_pieces_see_everything_once(partitions: set[str], pieces: int, limit: int) -> None:
    bench = MachineBench(table())
    for name in sorted(partitions):
        bench.evaluate(put(name))
    bench.apply()
    cuts = [RING_TOKENS * piece // pieces for piece in range(pieces + 1)]
    found = []
    for lower, upper in pairwise(cuts):
        found += bench.all_pages(Range(1, lower_token=lower, upper_token=upper, limit=limit))
    assert [item["p"]["S"] for item in found] == sorted(partitions, key=lambda name: key_hash(name.encode()))


Contents = dict[tuple[str, str], dict[str, Any]]
"""Attributes of items beside their keys, by partition and sort key."""

indexed_attributes = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(-2, 2).map(number) | st.just({"S": "no number"}),
        "t": st.sampled_from("ab").map(lambda text: {"S": text}),
        "more": st.sampled_from([{"S": "m"}, {"S": "m" * 40}]),
    },
)
places = st.sampled_from([("x", "a"), ("x", "b"), ("y", "a")])
indexed_steps = st.one_of(
    st.tuples(
        st.sampled_from(["put", "put", "update", "delete", "merge"]), places, indexed_attributes, st.integers(0, 3)
    ),
    st.tuples(st.sampled_from(["apply", "lose"]), places, st.just({}), st.integers(0, 3)),
)


def indexed_write(kind: str, place: tuple[str, str], attributes: dict[str, Any], step: int) -> Write | Merge:
    """Return a write whose item afterwards is just the attributes, or a merge of two changes that may win or lose."""
    match kind:
        case "put":
            return put(*place, **attributes)
        case "update":
            removed = [name for name in ("n", "t", "more") if name not in attributes]
            written = [assign(path(name), value(at)) for at, name in enumerate(attributes)]
            tree = update_tree(*written, *(remove(path(name)) for name in removed))
            return update(*place, tree=tree, values=list(attributes.values()))
        case "delete":
            return delete(*place)
    older = change(place[0], NOW_MS + step - 3, place[1], n=number(step % 3))
    return merge(older, change(place[0], NOW_MS + step - 2, place[1], **attributes))


def after_write(before: Contents, kind: str, place: tuple[str, str], attributes: dict[str, Any]) -> Contents:
    after = {key: item for key, item in before.items() if key != place}
    # A merge of a change without attributes is a delete; an update that only removes creates nothing.
    gone = kind == "delete" or (not attributes and (kind == "merge" or (kind == "update" and place not in before)))
    return after if gone else {**after, place: attributes}


def check_index(bench: MachineBench, contents: Contents, index: int, attribute: str, type_: str) -> None:
    """Hold an index, read page after page, against a sorted list of what it should hold."""
    for partition in "xy":
        found = bench.all_pages(query(partition, index=index, limit=2))
        rows = [
            (item[attribute][type_], sort)
            for (name, sort), item in contents.items()
            if name == partition and type_ in item.get(attribute, {})
        ]
        rows.sort(key=lambda row: (int(row[0]) if type_ == "N" else row[0], row[1]))
        assert [(item[attribute][type_], item["s"]["S"]) for item in found] == rows


# Indexes never say anything else than their table, and collections and counts neither, whatever is written, merged, lost and
# applied in whatever order; some writes are refused because their collection is full.
@settings(deadline=None, max_examples=300)  # a busy machine is no failure
@given(st.lists(indexed_steps, min_size=3, max_size=40), st.booleans(), st.sampled_from([250, 10_000]))
def test_indexes_follow_their_table(
    script: list[tuple[str, tuple[str, str], dict[str, Any], int]], is_global: bool, collection_bytes_max: int
) -> None:
    spec = indexed_table(global_=is_global, streams=True)
    bench = MachineBench(spec, collection_bytes_max=collection_bytes_max)
    states: list[Contents] = [{}]
    for step, (kind, place, attributes, raw) in enumerate([*script, ("apply", ("x", "a"), {}, len(script))]):
        if kind == "lose":
            lost = min(raw, bench.index - bench.applied)
            bench.machine.discard(bench.index - lost + 1)
            bench.index -= lost
            del states[bench.index + 1 :]
        elif kind == "apply":
            bench.apply(min(bench.index, bench.applied + raw))
            check_index(bench, states[bench.applied], 1, "n", "N")
            check_index(bench, states[bench.applied], 2, "t", "S")
            with bench.engine.snapshot() as view:
                check_derived(view, PARTITION, spec)
        elif kind != "merge" or is_global:
            evaluation = bench.evaluate(indexed_write(kind, place, attributes, step))
            assert isinstance(evaluation.outcome, (Written, Merged, Failed))
            if evaluation.effect:
                states.append(after_write(states[-1], kind, place, attributes))
    assert bench.machine.pending_count == 0
