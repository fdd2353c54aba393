"""What must be true of a simulated region after it was healed: all replicas hold the same, and each holds together."""

import asyncio

from node.partition.lost_logs import lost_reason
from node.storage.engine import Space
from node.storage.layout import change_sequence_of, table_and_index_of
from node.streams.records import ChangeKind, decode_row
from tests.support.partition_indexes import check_derived
from tests.support.partition_simulation import PARTITION, RoomyEngine, SimulatedRegion
from wire.keys import ItemKey
from wire.tables import TableSpec

POLLS_MAX = 1_000
POLL_SECONDS = 0.02


async def converge(region: SimulatedRegion) -> None:
    """Wait until all replicas hold the same rows."""
    for _ in range(POLLS_MAX):
        states = [
            [region.rows(node, space) for space in (Space.ITEMS, Space.CHANGES, Space.STATE)] for node in region.nodes
        ]
        if all(state == states[0] for state in states):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError("replicas still differ although everything works")


async def recover(region: SimulatedRegion) -> None:
    """Wait until no replica has to get anything back."""
    for _ in range(POLLS_MAX):
        if not any(_is_lost(node.engine) for node in region.nodes.values()):
            return
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError("a replica still recovers although everything works")


def _is_lost(engine: RoomyEngine) -> bool:
    with engine.snapshot() as view:
        return lost_reason(view, PARTITION) is not None


def check_log_tells_state(region: SimulatedRegion, table: TableSpec) -> None:
    """The change log, read in order, must end in the items that are there, without a hole in its numbers."""
    node = next(iter(region.nodes))
    rows = sorted(region.rows(node, Space.CHANGES).items(), key=lambda row: change_sequence_of(row[0]))
    assert [change_sequence_of(key) for key, _ in rows] == list(range(1, len(rows) + 1))
    told: dict[ItemKey, bytes] = {}
    for key, row in rows:
        record = decode_row(1, key, row)
        assert record.old_image == told.get(record.key, b""), f"change {record.sequence} does not follow the last one"
        assert (record.kind == ChangeKind.INSERT) == (record.key not in told)
        told[record.key] = record.new_image
    items = [key for key in region.rows(node, Space.ITEMS) if table_and_index_of(key) == (table.number, 0)]
    assert len(told) == len(items)


def check_indexes(region: SimulatedRegion, table: TableSpec) -> None:
    """Rows of local indexes, sizes of item collections and counts must be those of the items that are there."""
    for node in region.nodes.values():
        with node.engine.snapshot() as view:
            check_derived(view, PARTITION, table)
