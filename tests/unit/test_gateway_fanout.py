"""How batches are cut into merges: by partition, and never larger than one effect may be."""

from router.gateway.fanout import merges
from tests.support.replication_store import change_of, placements
from wire.limits import ENTRY_BYTES_MAX, GRPC_MESSAGE_BYTES_MAX, ITEM_BYTES_MAX, MERGE_CHANGES_MAX, SHIPMENT_BYTES_MAX

ONE = placements(1)


# A batch keeps its order within a partition and loses nothing, whatever the number of partitions.
def test_fanout_keeps_every_change_once() -> None:
    changes = [change_of(f"key{number}") for number in range(100)]
    commands = list(merges(changes, 3, "region-b", placements(6)))
    assert sorted(change for _, merge in commands for change in merge.changes) == sorted(changes)
    assert {(merge.table, merge.source) for _, merge in commands} == {(3, "region-b")}


# A peer may send more than we would: a log entry must stay bounded all the same.
def test_fanout_bounds_a_merge_by_count_and_bytes() -> None:
    many = [change_of(f"key{number}") for number in range(MERGE_CHANGES_MAX + 1)]
    large = [change_of(f"key{number}", body=b"x" * (SHIPMENT_BYTES_MAX // 2 + 1)) for number in range(3)]
    assert [len(merge.changes) for _, merge in merges(many, 3, "b", ONE)] == [MERGE_CHANGES_MAX, 1]
    assert [len(merge.changes) for _, merge in merges(large, 3, "b", ONE)] == [1, 1, 1]


# Deleting many large items elsewhere: every change carries the image that it replaces, and all of it must fit into a message of consensus.
def test_largest_images_of_a_merge_fit_into_a_message() -> None:
    assert MERGE_CHANGES_MAX * ITEM_BYTES_MAX + SHIPMENT_BYTES_MAX + ENTRY_BYTES_MAX < GRPC_MESSAGE_BYTES_MAX / 2
