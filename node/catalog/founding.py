"""The first start: writes the rows that a region begins with where the catalog's replicas will find them."""

from node.catalog.machine import read_state, write_delta
from node.catalog.placement import founding_delta
from node.storage.engine import Engine
from node.storage.snapshots import interrupted_install
from wire.catalog import CATALOG_PARTITION, CatalogView, NodeId
from wire.cluster import RegionEntry, Settings


def founded_view(engine: Engine, region: RegionEntry, settings: Settings, node: NodeId) -> CatalogView:
    """Return what this node may believe at start: the rows on its disk, or else the founding rows.

    Where the node holds a replica of the catalog that never ran, the founding rows are written first: every founder writes the same
    ones, so the group begins with version 1 applied and nothing has to be proposed. Raises DamagedRecord.
    """
    delta = founding_delta(region, settings)
    founded = CatalogView()
    founded.apply(delta)
    if node not in founded.placements[CATALOG_PARTITION].nodes():
        return founded
    with engine.snapshot() as snapshot:
        is_broken_off = interrupted_install(snapshot, CATALOG_PARTITION) is not None
        stored = read_state(snapshot)
    if is_broken_off:
        # Whatever is there is to be replaced by a snapshot; where partitions are is enough to receive it.
        return founded
    if stored.version == 0:
        engine.write(lambda transaction: write_delta(delta, transaction))
        return founded
    present = CatalogView()
    present.apply(stored)
    return present
