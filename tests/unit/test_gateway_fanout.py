"""How batches are cut into merges: by partition, and never larger than a shipment."""

from router.gateway.fanout import merges
from tests.support.replication_store import change_of, placements
from wire.limits import SHIPMENT_BYTES_MAX, SHIPMENT_CHANGES_MAX

ONE = placements(1)


# A batch keeps its order within a partition and loses nothing, whatever the number of partitions.
def test_fanout_keeps_every_change_once() -> None:
    changes = [change_of(f"key{number}") for number in range(100)]
    commands = list(merges(changes, 3, "region-b", placements(6)))
    assert sorted(change for _, merge in commands for change in merge.changes) == sorted(changes)
    assert {(merge.table, merge.source) for _, merge in commands} == {(3, "region-b")}


# A peer may send more than we would: a log entry must stay bounded all the same.
def test_fanout_bounds_a_merge_by_count_and_bytes() -> None:
    many = [change_of(f"key{number}") for number in range(SHIPMENT_CHANGES_MAX + 1)]
    large = [change_of(f"key{number}", body=b"x" * (SHIPMENT_BYTES_MAX // 2 + 1)) for number in range(3)]
    assert [len(merge.changes) for _, merge in merges(many, 3, "b", ONE)] == [SHIPMENT_CHANGES_MAX, 1]
    assert [len(merge.changes) for _, merge in merges(large, 3, "b", ONE)] == [1, 1, 1]
