"""A table comes to be in several regions, and leaves them, step by step; every step may come twice."""

import re
from dataclasses import replace

import pytest

from tests.support.rpc_catalog import ELSEWHERE, HERE, HOUR_MS, RULES, SCHEMA, THERE, Catalog, create
from wire.catalog_changes import (
    AddReplica,
    CatalogChange,
    DeleteTable,
    FinishTable,
    ForgetReplica,
    JoinGlobalTable,
    LeaveGlobalTable,
    RecordBackfill,
    RemoveReplica,
    SetReplicaStatus,
    UpdateTable,
)
from wire.errors import ErrorCode, StoreError
from wire.tables import BillingMode, ReplicaStatus, StreamViewType, TableStatus, Throughput

NOW_MS = 1_700_000_000_000
GLOBAL = "global-1"
IN_USE = "The resource which you are attempting to change is in use."


def add(region: str = THERE, now_ms: int = NOW_MS) -> AddReplica:
    return AddReplica(name="t", region=region, now_ms=now_ms, global_table_id=GLOBAL)


def remove(region: str = THERE, now_ms: int = NOW_MS) -> RemoveReplica:
    return RemoveReplica(name="t", region=region, now_ms=now_ms)


def join(new_region: str, members: tuple[str, ...], *, creates: bool, global_table_id: str = GLOBAL) -> JoinGlobalTable:
    return JoinGlobalTable(
        name="t",
        global_table_id=global_table_id,
        key_schema=SCHEMA,
        billing_mode=BillingMode.PAY_PER_REQUEST,
        throughput=Throughput(),
        stream_view=StreamViewType.NEW_AND_OLD_IMAGES,
        members=members,
        new_region=new_region,
        source=HERE,
        creates=creates,
        now_ms=NOW_MS,
        table_id="id",
    )


def status(region: str, to: ReplicaStatus) -> SetReplicaStatus:
    return SetReplicaStatus(name="t", global_table_id=GLOBAL, region=region, status=to)


def forget(region: str) -> ForgetReplica:
    return ForgetReplica(name="t", global_table_id=GLOBAL, region=region)


def replicated(**members: object) -> Catalog:
    """Return a catalog in which THERE holds a replica of `t` already."""
    catalog = Catalog(replace(RULES, source_hold_ms=HOUR_MS))
    catalog.change(create("t", **members))
    catalog.change(add())
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    return catalog


def refused(catalog: Catalog, change: CatalogChange, code: ErrorCode, text: str) -> None:
    with pytest.raises(StoreError, match=re.escape(text)) as caught:
        catalog.change(change)
    assert caught.value.code is code


# The first step: the entry is there, the source is this region, and changes begin to be recorded.
def test_adding_a_replica_begins_its_creation() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    catalog.change(add())
    table = catalog.view.tables["t"]
    replica = table.replica(THERE)
    assert replica is not None
    assert (replica.status, replica.source, replica.generation) == (ReplicaStatus.CREATING, HERE, 3)
    assert (table.status, table.global_table_id, table.records_changes) == (TableStatus.UPDATING, GLOBAL, True)


# The other regions are fed from the stream; AWS turns it on with all images when there is none.
def test_a_replicated_table_gets_a_stream_and_keeps_it() -> None:
    catalog = replicated()
    stream = catalog.view.tables["t"].stream
    assert stream is not None
    assert stream.view_type is StreamViewType.NEW_AND_OLD_IMAGES
    change = UpdateTable(name="t", stream_enabled=False, now_ms=NOW_MS)
    text = "One or more parameter values were invalid: Disabling Stream is not allowed for a Global Table replica."
    refused(catalog, change, ErrorCode.VALIDATION, text)


# A view type that the user chose stays what it is.
def test_a_chosen_stream_is_left_alone() -> None:
    catalog = replicated(stream_view=StreamViewType.KEYS_ONLY)
    stream = catalog.view.tables["t"].stream
    assert stream is not None
    assert stream.view_type is StreamViewType.KEYS_ONLY


# Replicated writes come on top of local ones: AWS wants capacity that can follow.
def test_fixed_capacity_is_not_replicated() -> None:
    catalog = Catalog()
    catalog.change(create("t", billing_mode=BillingMode.PROVISIONED, throughput=Throughput(1, 1)))
    refused(catalog, add(), ErrorCode.VALIDATION, "Pay-Per-Request or AutoScaled")


# One's own region is not a replica of itself, in either direction.
@pytest.mark.parametrize("change", [add(HERE), remove(HERE)])
def test_the_local_region_is_refused(change: CatalogChange) -> None:
    text = "Cannot add, delete, or update the local region through ReplicaUpdates."
    refused(replicated(), change, ErrorCode.VALIDATION, text)


# While one replica comes, the table is busy, so there is never more than one on its way.
def test_one_replica_comes_at_a_time() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    catalog.change(add())
    refused(catalog, add(ELSEWHERE), ErrorCode.RESOURCE_IN_USE, IN_USE)
    refused(catalog, DeleteTable(name="t", now_ms=NOW_MS), ErrorCode.RESOURCE_IN_USE, IN_USE)


# Protection may be changed while other settings are on their way, but not while a replica is.
def test_protection_waits_for_replicas() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    catalog.change(add())
    protect = UpdateTable(name="t", deletion_protection=True, now_ms=NOW_MS)
    refused(catalog, protect, ErrorCode.RESOURCE_IN_USE, IN_USE)
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    catalog.change(protect)


# Whoever asks for a region that is none learns which there are.
def test_an_unknown_region_is_refused() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    text = f"in the following regions: [{', '.join(sorted((HERE, THERE, ELSEWHERE)))}]"
    refused(catalog, add("us-fake-1"), ErrorCode.VALIDATION, text)


# A replica is added once; one that failed may be tried again, under a new generation.
def test_only_a_failed_replica_is_added_again() -> None:
    catalog = replicated()
    refused(catalog, add(), ErrorCode.VALIDATION, "one or more replicas already existed as tables")
    catalog.change(status(THERE, ReplicaStatus.CREATION_FAILED))
    catalog.change(add())
    replica = catalog.view.tables["t"].replica(THERE)
    assert replica is not None
    assert (replica.status, replica.generation) == (ReplicaStatus.CREATING, catalog.view.version)


# Partitions report their share once each; reports for an earlier membership of the same region count for nothing.
def test_backfill_is_counted_per_partition_and_generation() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    catalog.change(add())
    for partition, generation in ((2, 3), (1, 3), (2, 3), (4, 2)):
        catalog.change(RecordBackfill(name="t", region=THERE, generation=generation, partition=partition))
    replica = catalog.view.tables["t"].replica(THERE)
    assert replica is not None
    assert replica.backfilled == (1, 2)


# The end of a creation: the source and the counted partitions are of no interest any more.
def test_an_active_replica_is_settled() -> None:
    catalog = replicated()
    table = catalog.view.tables["t"]
    replica = table.replica(THERE)
    assert replica is not None
    assert (replica.status, replica.source, replica.backfilled) == (ReplicaStatus.ACTIVE, "", ())
    assert table.status is TableStatus.ACTIVE


# In the region that is being added the table begins CREATING, knows the others, and opens when the source says so.
def test_joining_makes_the_table_here() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    for _ in range(2):
        catalog.change(join(THERE, (HERE, THERE, ELSEWHERE), creates=True))
    table = catalog.view.tables["t"]
    assert (table.status, [each.region for each in table.replicas]) == (TableStatus.CREATING, [ELSEWHERE, HERE])
    refused(catalog, DeleteTable(name="t", now_ms=NOW_MS), ErrorCode.RESOURCE_IN_USE, IN_USE)
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    assert catalog.view.tables["t"].status is TableStatus.ACTIVE


# A table of that name with another history must never be mixed into the global one.
def test_joining_refuses_a_name_that_is_taken() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    catalog.change(create("t"))
    text = "Failed to create a the new replica of table with name: ‘t’ because one or more replicas already existed"
    refused(catalog, join(THERE, (HERE, THERE), creates=True), ErrorCode.VALIDATION, text)


# A third region hears of the new one, so that the mesh is full, and copies what it wrote itself.
def test_joining_makes_a_further_member_known() -> None:
    catalog = replicated()
    for _ in range(2):
        catalog.change(join(ELSEWHERE, (HERE, THERE, ELSEWHERE), creates=False))
    replica = catalog.view.tables["t"].replica(ELSEWHERE)
    assert replica is not None
    assert (replica.status, replica.source) == (ReplicaStatus.CREATING, HERE)


# No region is a replica of its own table, whatever it is told about itself.
def test_joining_is_no_news_to_who_joined() -> None:
    catalog = replicated()
    catalog.change(join(HERE, (HERE, THERE), creates=False))
    assert catalog.view.tables["t"].replica(HERE) is None


# Messages of one global table must not touch a regional one of the same name.
def test_another_global_table_is_none_of_ours() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    stranger = join(ELSEWHERE, (THERE, ELSEWHERE), creates=False, global_table_id="other")
    refused(catalog, stranger, ErrorCode.VALIDATION, "does not belong to that global table")
    leave = LeaveGlobalTable(name="t", global_table_id="other", region=HERE, drops=True, now_ms=NOW_MS)
    assert catalog.change(leave).rows == {}


# Removing marks the entry; the driver tells the others and then has it forgotten, which makes the table regional again.
def test_the_last_replica_gone_makes_a_regional_table() -> None:
    catalog = replicated()
    catalog.change(remove())
    assert catalog.view.tables["t"].status is TableStatus.UPDATING
    for _ in range(2):
        catalog.change(forget(THERE))
    table = catalog.view.tables["t"]
    assert (table.replicas, table.global_table_id, table.status) == ((), "", TableStatus.ACTIVE)
    assert table.stream is not None


# AWS's text for a region that is not a member.
def test_only_a_replica_is_removed() -> None:
    text = "Please retry the request without these replicas: [ap-northeast-1]."
    refused(replicated(), remove(ELSEWHERE), ErrorCode.VALIDATION, text)


# A source stays for a while: what was copied from it may still be checked against it.
def test_a_source_stays_for_a_while() -> None:
    catalog = replicated()
    text = "it has acted as a source region for new replica(s)"
    refused(catalog, DeleteTable(name="t", now_ms=NOW_MS + 1), ErrorCode.VALIDATION, text)
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + HOUR_MS))
    assert catalog.view.tables["t"].status is TableStatus.DELETING


# The copy failed: nobody has anything to check against the source, which may go like any other table.
def test_a_source_of_nothing_may_go() -> None:
    catalog = replicated()
    catalog.change(status(THERE, ReplicaStatus.CREATION_FAILED))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 1))
    assert catalog.view.tables["t"].status is TableStatus.DELETING


# The same rule, seen from a region that was joined: it knows who the source was.
def test_a_source_elsewhere_stays_too() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    catalog.change(join(THERE, (HERE, THERE), creates=True))
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    refused(catalog, remove(HERE), ErrorCode.VALIDATION, "it has acted as a source region")


# A dropped replica stays visible until the other regions know, and only then leaves the catalog.
def test_a_dropped_replica_waits_for_the_others() -> None:
    catalog = replicated()
    drop = DeleteTable(name="t", now_ms=NOW_MS + HOUR_MS)
    catalog.change(drop)
    assert catalog.change(drop).rows == {}
    catalog.change(FinishTable(name="t", number=catalog.view.tables["t"].number))
    assert "t" not in catalog.view.tables


# The region that leaves drops its table, the others drop its entry; both hear of it more than once.
def test_leaving_is_idempotent() -> None:
    catalog = replicated()
    for _ in range(2):
        change = LeaveGlobalTable(name="t", global_table_id=GLOBAL, region=THERE, drops=False, now_ms=NOW_MS)
        catalog.change(change)
    assert catalog.view.tables["t"].replicas == ()
    there = Catalog(replace(RULES, region=THERE))
    there.change(join(THERE, (HERE, THERE), creates=True))
    for _ in range(2):
        change = LeaveGlobalTable(name="t", global_table_id=GLOBAL, region=THERE, drops=True, now_ms=NOW_MS)
        there.change(change)
    assert there.view.tables == {}


# Deletion protection is each region's own: a removal asked elsewhere must not get around it.
def test_protection_holds_against_other_regions() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    catalog.change(join(THERE, (HERE, THERE), creates=True))
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    catalog.change(UpdateTable(name="t", deletion_protection=True, now_ms=NOW_MS))
    change = LeaveGlobalTable(name="t", global_table_id=GLOBAL, region=THERE, drops=True, now_ms=NOW_MS)
    text = f"Cannot delete table t in region {THERE} because it has deletion protection enabled."
    refused(catalog, change, ErrorCode.VALIDATION, text)
    refused(catalog, DeleteTable(name="t", now_ms=NOW_MS), ErrorCode.VALIDATION, text)
