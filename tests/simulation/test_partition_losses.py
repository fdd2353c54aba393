"""Disks lost at every step of their return, and copies put back, among everything else that goes wrong."""

import pytest

from tests.support.partition_storm import stormed

SEEDS = 20


# A replica that lost its log, or has an older one, must not vote, acknowledge or serve away what others rely on; and when
# everything works again, it must come back by itself. `scripts/simulate.py --losses` runs as many seeds as one likes.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_promises_hold_while_disks_are_lost(seed: int) -> None:
    print(f"seed {seed}")
    stormed(seed)


# A storm in which nothing is lost, or nothing is acknowledged any more, would prove nothing.
def test_enough_is_lost_and_acknowledged() -> None:
    totals: dict[str, int] = {}
    for seed in range(4):
        for name, count in stormed(seed).items():
            totals[name] = totals.get(name, 0) + count
    print(totals)
    assert totals["acknowledged"] > 200
    assert min(totals["wipes"], totals["copies"], totals["losses"], totals["snapshots"]) > 4
