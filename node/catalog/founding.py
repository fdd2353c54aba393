"""The founding of a region: the rows that it begins with, where the catalog's replicas will find them."""

from node.catalog.machine import read_state, write_delta
from node.catalog.placement import founding_delta
from node.storage.batch import WriteBatch
from node.storage.engine import Engine
from node.storage.errors import DamagedRecord
from node.storage.snapshots import interrupted_install
from wire.catalog import CATALOG_PARTITION, CatalogView, NodeId
from wire.cluster import RegionEntry, Settings


def found_catalog_to(batch: WriteBatch, region: RegionEntry, settings: Settings) -> None:
    """Write the founding rows: every founder writes the same ones, so the group begins with version 1 applied."""
    delta = founding_delta(region, settings)
    batch.call(lambda transaction: write_delta(delta, transaction))


def founded_view(engine: Engine, region: RegionEntry, settings: Settings, node: NodeId) -> CatalogView:
    """Return what this node may believe at start: the rows on its disk, or else the founding rows.

    A replica of the catalog that has no rows is not founded yet or has lost them: where partitions are is enough to get them.
    Raises DamagedRecord.
    """
    delta = founding_delta(region, settings)
    founded = CatalogView()
    founded.apply(delta)
    if node not in founded.placements[CATALOG_PARTITION].nodes():
        return founded
    try:
        with engine.snapshot() as snapshot:
            is_broken_off = interrupted_install(snapshot, CATALOG_PARTITION) is not None
            stored = read_state(snapshot)
    except DamagedRecord:
        if len(founded.placements[CATALOG_PARTITION].replicas) == 1:
            raise
        # The replica is found damaged when it is opened, and gets its rows back from the others.
        return founded
    if is_broken_off or stored.version == 0:
        # Whatever is there is to be replaced by a snapshot.
        return founded
    present = CatalogView()
    present.apply(stored)
    return present
