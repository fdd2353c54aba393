"""Global indexes in storms: leaders change, messages are lost, doubled and late, and every index ends as its table has it."""

import pytest

from node.partition import feeds, items
from node.partition.feeds import Fed, decide_feed
from tests.support.indexes_storms import simulate
from wire.commands import FeedIndex
from wire.tables import TableSpec

SEEDS = 150


# Everything at once, on many histories: rows equal items in the end, and nothing that comes late changes that.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_indexes_equal_their_table_after_a_storm(seed: int) -> None:
    print(f"seed {seed}")
    simulate(seed)


# Records that are gone before they were fed must never be missing silently.
@pytest.mark.parametrize("seed", range(50))
def test_indexes_survive_lost_change_records(seed: int) -> None:
    print(f"seed {seed}")
    simulate(seed, trims=True)


# A storm in which nothing is ever copied, fed or rebuilt would prove nothing.
def test_storms_are_hard_enough() -> None:
    totals: dict[str, int] = {}
    for seed in range(24):
        for name, count in simulate(seed, trims=seed % 3 == 0).items():
            totals[name] = totals.get(name, 0) + count
    print(totals)
    assert min(totals.values()) > 10


def assert_caught() -> None:
    """Some seed must fail."""
    for seed in range(SEEDS):
        try:
            simulate(seed)
        except AssertionError:
            return
    raise AssertionError("no seed notices")


# The simulation is only worth something if it sees a rule that is left out: here, that what was taken is passed over.
def test_mutant_without_positions_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(command: FeedIndex, table: TableSpec | None, position: int) -> Fed:
        fed = decide_feed(command, table, 0)
        return Fed(fed.effect, fed.outcome, max(position, fed.position))

    monkeypatch.setattr(items, "decide_feed", forgetful)
    assert_caught()


# Likewise, that no copy is taken after a change.
def test_mutant_that_takes_late_copies_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def eager(command: FeedIndex, position: int) -> list[feeds.IndexRow]:
        return [row for row in command.rows if command.through == 0 or row.sequence > position]

    monkeypatch.setattr(feeds, "_taken", eager)
    assert_caught()
