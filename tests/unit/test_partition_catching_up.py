"""When a node's replicas count as having caught up."""

from dataclasses import replace

import pytest

from node.partition.catching_up import CatchingUp
from tests.support.replica_status import FOLLOWER
from wire.catalog import PartitionId
from wire.conditions import Condition

ONE, TWO = PartitionId(1), PartitionId(2)


def told(*rounds: dict[PartitionId, int]) -> CatchingUp:
    """Return the judge after some rounds of asking."""
    judge = CatchingUp()
    for each in rounds:
        judge.told(each)
    return judge


# A follower that has just been restarted knows of no commit beyond its own: to believe it would be the end of a partition.
def test_behind_until_a_leader_was_asked() -> None:
    assert told().behind([FOLLOWER]) == [ONE]
    assert told({ONE: 5}, {ONE: 5}).behind([FOLLOWER]) == []


# What was committed elsewhere while it was away must be applied here.
def test_behind_until_it_is_applied() -> None:
    judge = told({ONE: 9}, {ONE: 9})
    assert judge.behind([FOLLOWER]) == [ONE]
    assert judge.behind([replace(FOLLOWER, applied=9)]) == []


# Under load everybody is a little behind; to be where the leader was a round ago is enough.
def test_a_round_behind_is_not_behind() -> None:
    assert told({ONE: 5}, {ONE: 500}).behind([FOLLOWER]) == []


# One partition in need is enough to say no, and it is named.
def test_every_replica_counts() -> None:
    judge = told({ONE: 5, TWO: 9}, {ONE: 5, TWO: 9})
    assert judge.behind([FOLLOWER, replace(FOLLOWER, partition=TWO)]) == [TWO]


# Without a leader, or while its data arrive, a replica helps nobody, whatever it has applied.
@pytest.mark.parametrize(
    "state",
    [
        {"leader": None},
        {"conditions": frozenset({Condition.INSTALLING})},
        {"conditions": frozenset({Condition.RECOVERING})},
    ],
)
def test_a_replica_that_takes_no_part(state: dict[str, object]) -> None:
    assert told({ONE: 5}, {ONE: 5}).behind([replace(FOLLOWER, **state)]) == [ONE]  # type: ignore[arg-type]


# A leader has what was committed, by being one. When it hands over, it is not behind until somebody says so.
def test_leaders_are_not_behind() -> None:
    leader = replace(FOLLOWER, role="leader", is_ready=True)
    assert told().behind([leader]) == []
    assert told({ONE: 5}, {}).behind([FOLLOWER]) == []


# A node that does not answer in time once makes nobody unready.
def test_what_was_told_before_holds() -> None:
    assert told({ONE: 5}, {}, {}, {}).behind([FOLLOWER]) == []
