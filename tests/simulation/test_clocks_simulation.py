"""A region's clocks on a seed, while wall clocks jump by hours, drift, stand still and are restarted.

CLOCK_SEEDS says how many seeds are tried (5000 for a long run).
"""

import os

import pytest

from tests.support.clocks_simulation import World

SEEDS = int(os.environ.get("CLOCK_SEEDS", "20"))


# Stamps are near true time, never go back, and everybody may stamp again once the clocks are right: whatever happens to a minority of the
# wall clocks, or to all of them together.
@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_regions_time_holds(seed: int) -> None:
    print(f"seed {seed}")
    World(seed).run()


# Storms in which nothing is stamped or no clock is off would prove nothing; and a failing seed must fail again.
def test_clock_storms_are_storms() -> None:
    worlds = [World(seed) for seed in range(10)]
    for world in worlds:
        world.run()
    totals = {name: sum(world.counts[name] for world in worlds) for name in worlds[0].counts}
    print(totals)
    assert min(totals["stamps"], totals["off"], 10 * totals["leaders"]) > 300
    again = World(3)
    again.run()
    assert (again.counts, again.items) == (worlds[3].counts, worlds[3].items)
