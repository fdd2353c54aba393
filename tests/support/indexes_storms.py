"""What happens to a region of feeders in a simulation: clients that write, storms, and what is asked of the catalog meanwhile."""

from tests.support.indexes_model import ModelRegion
from tests.support.indexes_region import by
from wire.catalog_changes import UpdateTable


def storm(region: ModelRegion, seconds: float, *, trims: bool) -> None:
    """Let clients write, leaders come and go, and messages get lost for a while."""
    until = region.now + seconds
    while region.now < until:
        region.run(region.random.uniform(0.001, 0.02))
        region.write()
        if region.random.random() < 0.05:
            region.change_leader()
        if trims and region.random.random() < 0.06:
            region.trim()


def ask(region: ModelRegion, change: UpdateTable) -> None:
    """Ask for a change as a client does, again while another index is being made."""
    for _ in range(100):
        if region.change(change):
            return
        region.run(0.5)
    raise AssertionError(f"never taken: {change}")


def unrest(region: ModelRegion, seconds: float) -> None:
    """Let leaders change more often than anything else happens, while some have not heard what others have."""
    until = region.now + seconds
    while region.now < until:
        region.run(region.random.uniform(0.001, 0.02))
        region.write()
        if region.random.random() < 0.4:
            region.change_leader()


def simulate(seed: int, *, trims: bool = False) -> dict[str, int]:
    """Run one seed to its end: perhaps an index from the start, one made in the storm, perhaps dropped and made again.

    Without one from the start, changes are recorded only once the catalog shows the first.
    """
    region = ModelRegion(seed, indexes=(by("n", 1),) if seed % 2 else (), copied_per_second=seed % 3 * 40)
    storm(region, 1.0, trims=trims)
    ask(region, UpdateTable(name="orders", creates_index=by("owner"), now_ms=2))
    if seed % 3 == 0:
        unrest(region, 0.5)
    storm(region, region.random.uniform(0.05, 2.0), trims=trims)
    if seed % 4 == 0:
        ask(region, UpdateTable(name="orders", deletes_index="by-owner", now_ms=3))
        ask(region, UpdateTable(name="orders", creates_index=by("owner"), now_ms=4))
        storm(region, 1.0, trims=trims)
    region.settle()
    region.assert_indexes_equal_base()
    region.deliver_late()
    region.assert_indexes_equal_base()
    return region.counts
