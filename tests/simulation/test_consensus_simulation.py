"""A few hundred simulated groups in every test run; scripts/simulate.py runs as many as one likes."""

import pytest

from tests.support.consensus_simulation import Simulation, SimulationOutcome

SEEDS = 300
SEEDS_A_TEST = 20


# Safety under faults and progress after them, for seeds that are always the same; a failure names its seed.
@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_A_TEST))
def test_consensus_is_safe_and_recovers(first: int) -> None:
    outcomes = [Simulation(seed).run() for seed in range(first, first + SEEDS_A_TEST)]
    assert_exercised(outcomes)


def assert_exercised(outcomes: list[SimulationOutcome]) -> None:
    """Check that the faults and the work that the promises are about did happen."""
    for name in ("leaders", "committed", "crashes", "snapshots", "index_reads", "lease_reads"):
        assert sum(getattr(outcome, name) for outcome in outcomes) >= len(outcomes) // 4, name


# A seed is worth nothing if it does not lead to the same failure again.
def test_same_seed_gives_same_trace() -> None:
    for seed in range(5):
        assert Simulation(seed).run() == Simulation(seed).run()


# The trace must depend on the seed, or three hundred seeds would be one.
def test_other_seed_gives_other_trace() -> None:
    digests = {Simulation(seed).run().digest for seed in range(5)}
    assert len(digests) == 5
