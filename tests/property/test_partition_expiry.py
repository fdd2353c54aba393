"""The expiry index against the items, whatever is written, merged, lost, switched on and off, filled and expired in between."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from node.partition.expiry import Expire, ExpiryClock, IndexExpiries
from node.storage.expiry import Expiry, ExpiryIndex, ExpiryRow, all_rows, due_rows
from node.storage.records import Record
from tests.support.partition_items import change, delete, key, merge, put, table, update
from tests.support.partition_machine import PARTITION, REGION, MachineBench
from wire.expressions import assign, path, remove, value
from wire.expressions import update as update_tree
from wire.tables import TimeToLive

NAMES = ("a", "b", "c", "d")
ATTRIBUTES = ("x", "y")
NOW = 1_700_000_000
GRACE_SECONDS = 3

names = st.sampled_from(NAMES)
attributes = st.sampled_from(ATTRIBUTES)
# Around now, as time passes: most are due sooner or later.
offsets = st.integers(-4, 6)
steps = st.one_of(
    st.tuples(st.sampled_from(["put", "set", "merge"]), names, attributes, offsets),
    st.tuples(st.sampled_from(["put", "set", "merge"]), names, attributes, offsets),
    st.tuples(st.sampled_from(["remove", "delete", "plain", "merge_delete"]), names, attributes, offsets),
    st.tuples(
        st.sampled_from(["enable", "disable", "fill", "expire", "pass", "apply", "lose"]), names, attributes, offsets
    ),
)


def expected_expiry(record: Record | None, attribute: str) -> Expiry | None:
    """Return what the rule says of an item, said once more and simpler."""
    if record is None or record.tombstone:
        return None
    found = orjson.loads(record.body).get(attribute, {}).get("N")
    return Expiry(record.version.region, int(found)) if found is not None and int(found) > 0 else None


@dataclass
class Leader:
    """Leads one partition after another leader, and does what the expirer's driver does, one step at a time."""

    bench: MachineBench
    generation: int = 0
    time_to_live: TimeToLive | None = None
    to_fill: list[str] = field(default_factory=list)
    filled: list[tuple[int, str]] = field(default_factory=list)  # by the entry that did it

    def switch(self, attribute: str, *, is_enabled: bool) -> None:
        if (self.time_to_live is not None and self.time_to_live.is_enabled) == is_enabled:
            return
        self.generation += 1
        self.time_to_live = TimeToLive(attribute, is_enabled, 0, self.generation)
        self.bench.tables[1] = replace(self.bench.tables[1], time_to_live=self.time_to_live)
        # What was decided under the older catalog is applied before anything is looked at.
        self.bench.apply()
        self.to_fill = list(NAMES) if is_enabled else []
        self.filled = []

    def fill(self, count: int) -> None:
        for name in self.to_fill[:count]:
            assert self.time_to_live is not None, "there is nothing to fill before it was ever switched on"
            applied = self.bench.record(key(name), commit=self.bench.applied)
            if expected_expiry(applied, self.time_to_live.attribute) is not None:
                self.bench.evaluate(IndexExpiries(1, self.generation, (key(name),)))
            self.filled.append((self.bench.index, name))
        del self.to_fill[:count]

    def lose(self, count: int) -> None:
        """Lose the last entries with leadership; the cursor was in one of them, or not."""
        lost = min(count, self.bench.index - self.bench.applied)
        self.bench.machine.discard(self.bench.index - lost + 1)
        self.bench.index -= lost
        self.to_fill = [name for index, name in self.filled if index > self.bench.index] + self.to_fill
        self.filled = [each for each in self.filled if each[0] <= self.bench.index]

    def expire(self) -> None:
        bench, clock = self.bench, ExpiryClock(self.bench.clock.wall_ms, REGION, GRACE_SECONDS)
        if self.time_to_live is None or not self.time_to_live.is_enabled:
            return
        present = bench.tables[1]
        with bench.engine.snapshot() as view:
            index = ExpiryIndex(PARTITION, 1, self.generation)
            due = due_rows(view, index, clock.since(), lambda region: clock.until(present, region), 99)
        for row in due:
            pending = bench.machine._overlay.newest(1, row.key)
            newest = pending.record if pending is not None else bench.record(row.key)
            was_there = newest is not None and not newest.tombstone
            expires = expected_expiry(newest, self.time_to_live.attribute) == row.expiry
            assert bench.evaluate(Expire(1, self.generation, *row)).effect, "a due row does not stay"
            after = bench.machine._overlay.newest(1, row.key)
            is_gone = after is not None and (after.record is None or after.record.tombstone)
            assert not was_there or is_gone == expires, "an item goes if it expires as its row says, and else stays"

    def check(self) -> None:
        """Hold the index against the items, once everything is applied and nothing is left to fill."""
        self.bench.apply()
        self.fill(len(NAMES))
        self.bench.apply()
        expected = []
        if self.time_to_live is not None and self.time_to_live.is_enabled:
            for name in NAMES:
                expiry = expected_expiry(self.bench.record(key(name)), self.time_to_live.attribute)
                if expiry is not None:
                    expected.append(ExpiryRow(expiry, key(name)))
        with self.bench.engine.snapshot() as view:
            rows = list(all_rows(view, ExpiryIndex(PARTITION, 1, self.generation)))
        is_read = self.time_to_live is not None and self.time_to_live.is_enabled
        assert sorted(rows) == (sorted(expected) if is_read else []), self.time_to_live


def run(leader: Leader, kind: str, name: str, attribute: str, offset: int) -> None:
    bench = leader.bench
    number = {"N": str(bench.clock.wall_ms() // 1_000 + offset)}
    match kind:
        case "put":
            bench.evaluate(put(name, **{attribute: number}))
        case "plain":
            bench.evaluate(put(name, n={"N": "1"}))
        case "set":
            bench.evaluate(update(name, tree=update_tree(assign(path(attribute), value(0))), values=[number]))
        case "remove":
            bench.evaluate(update(name, tree=update_tree(remove(path(attribute)))))
        case "delete":
            bench.evaluate(delete(name))
        case "merge" | "merge_delete":
            given: dict[str, Any] = {attribute: number} if kind == "merge" else {}
            bench.evaluate(merge(change(name, bench.clock.wall_ms() + offset * 100, **given)))
        case "enable" | "disable":
            leader.switch(attribute, is_enabled=kind == "enable")
        case "fill":
            leader.fill(max(1, offset))
        case "expire":
            leader.expire()
        case "pass":
            bench.clock.advance(max(0, offset))
        case "apply":
            bench.apply(min(bench.index, bench.applied + max(0, offset)))
        case "lose":
            leader.lose(max(0, offset))


# Rows and items say the same, however evaluation, application, lost leadership, filling and switching interleave.
@settings(deadline=None, max_examples=300)  # a busy machine is no failure
@given(st.lists(steps, max_size=40), st.booleans())
@example([("put", "a", "x", 5), ("enable", "a", "x", 0), ("fill", "a", "x", 4)], False)  # decided before, applied after
def test_rows_are_what_the_items_say(script: list[tuple[str, str, str, int]], is_shared: bool) -> None:
    leader = Leader(MachineBench(table(global_=True) if is_shared else table(streams=True)))
    if not is_shared:
        script = [step for step in script if not step[0].startswith("merge")]
    for step in script:
        run(leader, *step)
    leader.check()


# Left alone for long enough, everything that has a time in the past is gone, and nothing else.
@settings(deadline=None, max_examples=100)  # a busy machine is no failure
@given(st.lists(steps, max_size=30))
def test_what_is_due_goes_in_the_end(script: list[tuple[str, str, str, int]]) -> None:
    leader = Leader(MachineBench(table(global_=True)))
    for step in script:
        run(leader, *step)
    leader.check()
    bench = leader.bench
    before = {name: bench.record(key(name)) for name in NAMES}
    bench.clock.advance(20)
    leader.expire()
    leader.check()
    time_to_live = leader.time_to_live
    for name, record in before.items():
        after = bench.record(key(name))
        is_gone = after is None or after.tombstone
        was_there = record is not None and not record.tombstone
        expires = time_to_live is not None and time_to_live.is_enabled
        is_due = expires and expected_expiry(record, time_to_live.attribute if time_to_live else "") is not None
        assert is_gone == (is_due or not was_there), name
