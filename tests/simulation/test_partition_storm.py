"""Storms of everything at once: disks lost, put back, damaged and full, clocks set wrong, beside crashes, stalls, cuts and late messages.

`scripts/simulate.py --storms` runs as many seeds as one likes, on all cores.
"""

from collections import Counter

import pytest

from tests.support.partition_storm import Fault, faults_of, stormed

BATCHES = 20
SEEDS = 25
"""Of one batch: enough for each of them to contain everything."""
HAPPENS = (
    *("acknowledged", "unknown", "scanned", "snapshots"),
    *("crashes", "stalls", "wipes", "second wipes", "copies", "losses", "rows", "unseen"),
    *("short", "scarce", "full", "failing", "ahead", "back", "all back", "off"),
)


# Every promise of a partition at once: nothing acknowledged is lost, nothing happens twice, strong reads are never stale, no stamp is
# wrong, never two replicas are without their logs, and when everything works again the region comes back by itself and agrees. A batch
# in which something does not happen, or nothing is acknowledged any more, would prove less than it says.
@pytest.mark.parametrize("batch", range(BATCHES))
def test_promises_hold_in_a_storm_of_everything(batch: int) -> None:
    totals: Counter[str] = Counter()
    for seed in range(SEEDS * batch, SEEDS * (batch + 1)):
        print(f"seed {seed}", flush=True)
        totals.update(stormed(seed).counts)
    print(dict(totals))
    assert totals["acknowledged"] > 20 * SEEDS
    assert not [name for name in HAPPENS if totals[name] == 0]


# Two replicas of three are damaged only in the end of some storms that damage rows; those must not be none.
def test_two_of_three_are_damaged_now_and_then() -> None:
    totals: Counter[str] = Counter()
    for seed in range(1_000, 1_012):
        print(f"seed {seed}", flush=True)
        totals.update(stormed(seed, [Fault.DAMAGE]).counts)
    assert totals["two"] > 0


# Single kinds are hit hard now and then, but faults that meet are what storms are for.
def test_most_storms_combine_faults() -> None:
    faults = [faults_of(seed) for seed in range(BATCHES * SEEDS)]
    assert {each[0] for each in faults if len(each) == 1} == set(Fault)
    assert sum(len(each) >= 3 for each in faults) > len(faults) / 2


# Seeds that have found something: two clocks wrong one after the other that made a majority; a node shut out by what it said of the disk
# that it had before.
@pytest.mark.parametrize("seed", [100_523, 100_526, 200_514])
def test_what_was_found_stays_mended(seed: int) -> None:
    stormed(seed)


# A failing seed is only worth something if it fails again.
def test_a_storm_is_the_same_again() -> None:
    seed = next(seed for seed in range(100) if len(faults_of(seed)) == len(Fault))
    assert stormed(seed) == stormed(seed)
