"""A table comes to be in several regions, and leaves them, step by step; every step may come twice."""

import re
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_struct

from tests.support.rpc_catalog import ELSEWHERE, HERE, HOUR_MS, RULES, SCHEMA, THERE, Catalog, create
from wire.catalog_changes import (
    AddReplica,
    CatalogChange,
    CheckReplica,
    DeleteTable,
    FinishTable,
    ForgetReplica,
    JoinGlobalTable,
    LeaveGlobalTable,
    MarkOverdue,
    RecordBackfill,
    RecordTold,
    RemoveReplica,
    SetReplicaStatus,
    SyncGlobalTable,
    UpdateTable,
)
from wire.errors import ErrorCode, StoreError
from wire.members import Member, member_of
from wire.tables import BillingMode, ReplicaStatus, StreamViewType, TableStatus, Throughput

NOW_MS = 1_700_000_000_000
GLOBAL = "global-1"
IN_USE = "The resource which you are attempting to change is in use."


def add(region: str = THERE, now_ms: int = NOW_MS) -> AddReplica:
    return AddReplica(name="t", region=region, now_ms=now_ms, global_table_id=GLOBAL)


def remove(region: str = THERE, now_ms: int = NOW_MS) -> RemoveReplica:
    return RemoveReplica(name="t", region=region, now_ms=now_ms)


def member(region: str, joined_ms: int = NOW_MS, **times: int) -> Member:
    return Member(region, joined_ms=joined_ms, joined_by=HERE, opened_ms=joined_ms, **times)


def newcomer(region: str, joined_ms: int = NOW_MS, **times: int) -> Member:
    return Member(region, joined_ms=joined_ms, joined_by=HERE, **times)


def join(new_region: str, *members: str, **times: int) -> JoinGlobalTable:
    return JoinGlobalTable(
        name="t",
        global_table_id=GLOBAL,
        key_schema=SCHEMA,
        billing_mode=BillingMode.PAY_PER_REQUEST,
        throughput=Throughput(),
        stream_view=StreamViewType.NEW_AND_OLD_IMAGES,
        members=(newcomer(new_region, **times), *map(member, members)),
        new_region=new_region,
        source=HERE,
        now_ms=NOW_MS,
        table_id="id",
    )


def status(region: str, to: ReplicaStatus) -> SetReplicaStatus:
    return SetReplicaStatus(name="t", global_table_id=GLOBAL, region=region, status=to)


def forget(region: str, *, is_gone: bool = False) -> ForgetReplica:
    return ForgetReplica(name="t", global_table_id=GLOBAL, region=region, is_gone=is_gone, now_ms=NOW_MS)


def leave(
    region: str, left_ms: int = NOW_MS, global_table_id: str = GLOBAL, source: str = HERE, joined_ms: int = NOW_MS
) -> LeaveGlobalTable:
    return LeaveGlobalTable(
        name="t",
        global_table_id=global_table_id,
        region=region,
        source=source,
        joined_ms=joined_ms,
        left_ms=left_ms,
        now_ms=NOW_MS,
    )


def news(source: str, *members: Member, global_table_id: str = GLOBAL) -> SyncGlobalTable:
    return SyncGlobalTable(
        name="t", global_table_id=global_table_id, source=source, members=members, settings=None, now_ms=NOW_MS
    )


def joined(*others: str) -> Catalog:
    """Return the catalog of THERE, to which HERE brought `t`, with all others as members."""
    catalog = Catalog(replace(RULES, region=THERE, source_hold_ms=HOUR_MS))
    catalog.change(join(THERE, HERE, *others))
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    return catalog


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


# Readers of a replica's stream find both images in every region: a stream that shows less has to go first.
@pytest.mark.parametrize(
    "view_type", [each for each in StreamViewType if each is not StreamViewType.NEW_AND_OLD_IMAGES]
)
def test_a_stream_without_both_images_is_in_the_way(view_type: StreamViewType) -> None:
    catalog = Catalog()
    catalog.change(create("t", stream_view=view_type))
    refused(catalog, add(), ErrorCode.VALIDATION, "must have the view type NEW_AND_OLD_IMAGES")
    catalog.change(UpdateTable(name="t", stream_enabled=False, now_ms=NOW_MS))
    catalog.change(add())
    stream = catalog.view.tables["t"].stream
    assert stream is not None
    assert stream.view_type is StreamViewType.NEW_AND_OLD_IMAGES


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
        catalog.change(join(THERE, HERE, ELSEWHERE))
    table = catalog.view.tables["t"]
    assert (table.status, [each.region for each in table.replicas]) == (TableStatus.CREATING, [ELSEWHERE, HERE])
    refused(catalog, DeleteTable(name="t", now_ms=NOW_MS), ErrorCode.RESOURCE_IN_USE, IN_USE)
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    assert catalog.view.tables["t"].status is TableStatus.ACTIVE


# A table of that name with another history must never be mixed into the global one; whoever asks first, is told so in AWS's words.
def test_joining_refuses_a_name_that_is_taken() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    check = CheckReplica(name="t", global_table_id=GLOBAL, is_added=True)
    assert catalog.change(check).rows == {}
    catalog.change(create("t"))
    text = "Failed to create a the new replica of table with name: ‘t’ because one or more replicas already existed"
    for change in (check, join(THERE, HERE)):
        refused(catalog, change, ErrorCode.VALIDATION, text)


# A third region hears of the new one, so that the mesh is full, and copies what it wrote itself; the same news again is none.
def test_news_make_a_further_member_known() -> None:
    catalog = joined()
    for _ in range(2):
        catalog.change(news(HERE, member(HERE), member(THERE), newcomer(ELSEWHERE)))
    replica = catalog.view.tables["t"].replica(ELSEWHERE)
    assert replica is not None
    assert (replica.status, replica.source, replica.generation) == (ReplicaStatus.CREATING, HERE, catalog.view.version)
    catalog.change(news(HERE, member(HERE), member(THERE), member(ELSEWHERE)))
    assert catalog.view.tables["t"].status is TableStatus.ACTIVE


# Messages of one global table must not touch a regional one of the same name.
def test_another_global_table_is_none_of_ours() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    assert catalog.change(news(THERE, member(THERE), member(ELSEWHERE), global_table_id="other")).rows == {}
    assert catalog.change(leave(HERE, global_table_id="other")).rows == {}


# A removed replica that has not heard of it is in the way of a new one, like any table: its items are another history.
def test_a_replica_that_was_removed_is_not_taken_for_the_new_one() -> None:
    catalog = joined()
    text = "one or more replicas already existed as tables"
    refused(catalog, join(THERE, HERE, joined_ms=NOW_MS + 9, left_ms=NOW_MS + 5), ErrorCode.VALIDATION, text)


# A region that was away while it was removed keeps its table, as one of its own, and tells those whom it took for members.
def test_a_removed_region_keeps_an_ordinary_table() -> None:
    catalog = joined(ELSEWHERE)
    number = catalog.view.tables["t"].number
    gone = replace_struct(member(THERE), left_ms=NOW_MS + 1)
    for _ in range(2):
        catalog.change(news(HERE, member(HERE), gone, member(ELSEWHERE)))
    table = catalog.view.tables["t"]
    assert (table.number, table.replicas, table.global_table_id, table.members) == (number, (), "", ())
    assert table.status is TableStatus.ACTIVE
    assert catalog.view.left[GLOBAL].waiting == (ELSEWHERE, HERE)


# A copy that was never opened holds nothing that was written there: it goes, and nothing is left of it that could be taken for data.
def test_an_unfinished_copy_goes_when_it_is_removed() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    catalog.change(join(THERE, HERE))
    catalog.change(news(HERE, replace_struct(member(HERE), left_ms=NOW_MS)))
    assert catalog.view.tables == {}


# A copy outlives its source: of those who have the whole table the first goes on, by name, and so just one.
def test_a_copy_gets_a_new_source() -> None:
    for region, source in ((THERE, ELSEWHERE), (ELSEWHERE, ELSEWHERE)):
        catalog = Catalog(replace(RULES, region=region))
        others = {HERE, THERE, ELSEWHERE} - {region}
        catalog.change(join(region, *others))
        catalog.change(status(region, ReplicaStatus.ACTIVE))
        added = newcomer("zz-north-1")
        catalog.change(news(HERE, *map(member, (HERE, THERE, ELSEWHERE)), added))
        catalog.change(news(HERE, replace_struct(member(HERE), left_ms=NOW_MS)))
        replica = catalog.view.tables["t"].replica("zz-north-1")
        assert replica is not None
        assert (replica.status, replica.source) == (ReplicaStatus.CREATING, source)


# Who was removed here has no say any more, in members as in settings, until it has been added again.
def test_news_from_a_region_that_was_removed_are_void() -> None:
    catalog = joined(ELSEWHERE)
    catalog.change(news(HERE, member(HERE), member(THERE), replace_struct(member(ELSEWHERE), left_ms=NOW_MS + 1)))
    assert catalog.view.tables["t"].replica(ELSEWHERE) is None
    late = news(ELSEWHERE, replace_struct(member(HERE), left_ms=NOW_MS + 2), member(THERE), member(ELSEWHERE))
    catalog.change(late)
    assert catalog.view.tables["t"].replica(HERE) is not None
    again = member(ELSEWHERE, NOW_MS + 5)
    assert catalog.change(leave(THERE, source=ELSEWHERE)).rows == {}
    catalog.change(news(HERE, member(HERE), member(THERE), again))
    catalog.change(replace_struct(late, members=(*late.members[:2], again)))
    assert catalog.view.tables["t"].replica(HERE) is None


# A replica may be made by a message that was under way for so long that it was removed meanwhile: when it speaks up, it is told again.
def test_a_member_that_is_none_is_told_again() -> None:
    catalog = joined(ELSEWHERE)
    gone = replace_struct(member(ELSEWHERE), left_ms=NOW_MS + 1)
    catalog.change(news(HERE, member(HERE), member(THERE), gone))
    version = catalog.view.tables["t"].news_version
    catalog.change(RecordTold(name="t", global_table_id=GLOBAL, region=ELSEWHERE, version=version, is_farewell=False))
    removes_us = news(ELSEWHERE, member(HERE), replace_struct(member(THERE), left_ms=NOW_MS), member(ELSEWHERE))
    assert catalog.change(removes_us).rows == {}
    catalog.change(news(ELSEWHERE, *map(member, (HERE, THERE, ELSEWHERE))))
    assert catalog.view.tables["t"].told == ()


# Removing marks the entry; it is forgotten when the region has dropped its table or cannot be reached, and the table is a regional one.
def test_the_last_replica_gone_makes_a_regional_table() -> None:
    catalog = replicated()
    catalog.change(remove())
    assert catalog.view.tables["t"].status is TableStatus.UPDATING
    for _ in range(2):
        catalog.change(forget(THERE))
    table = catalog.view.tables["t"]
    assert (table.replicas, table.global_table_id, table.status) == ((), "", TableStatus.ACTIVE)
    assert table.stream is not None
    left = catalog.view.left[GLOBAL]
    # Not that the other one has left: with others that are not known here it may go on.
    assert (left.waiting, [each.region for each in left.members if each.is_member]) == ((THERE,), [THERE])
    dropped_there = replicated()
    dropped_there.change(remove())
    dropped_there.change(forget(THERE, is_gone=True))
    assert dropped_there.view.left == {}


# Nor can it bring others in: with what it adds would come what it wrote. What it added as a member stays, also if its clock is ahead.
def test_who_was_added_by_a_removed_region_is_no_member() -> None:
    catalog = joined(ELSEWHERE)
    early = Member("zz-1", joined_ms=NOW_MS + 99, joined_by=ELSEWHERE, opened_ms=NOW_MS + 99)
    catalog.change(news(ELSEWHERE, *map(member, (HERE, THERE, ELSEWHERE)), early))
    catalog.change(forget(ELSEWHERE))
    late = Member("zz-2", joined_ms=NOW_MS + 100, joined_by=ELSEWHERE, opened_ms=NOW_MS + 100)
    later = Member("zz-3", joined_ms=NOW_MS + 101, joined_by="zz-2", opened_ms=NOW_MS + 101)
    catalog.change(news("zz-2", *map(member, (HERE, THERE, ELSEWHERE)), early, late, later))
    assert {each.region for each in catalog.view.tables["t"].replicas} == {HERE, "zz-1"}


# Clocks differ: a region that drops its replica does not take along those whom it added, though its clock says that this came later.
def test_who_leaves_leaves_those_behind_whom_it_added() -> None:
    catalog = Catalog(replace(RULES, source_hold_ms=0))
    catalog.change(create("t"))
    catalog.change(add(THERE, NOW_MS + 60_000))
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    left = catalog.view.left[GLOBAL]
    assert [each.region for each in left.members if each.is_member] == [THERE]


# A copy that the region which leaves was making is withdrawn; one that another region makes goes on.
def test_who_leaves_withdraws_the_copies_that_it_was_making() -> None:
    catalog = Catalog(replace(RULES, source_hold_ms=0))
    catalog.change(create("t"))
    catalog.change(add())
    catalog.change(status(THERE, ReplicaStatus.ACTIVE))
    catalog.change(add(ELSEWHERE))
    other = Member("zz-1", joined_ms=NOW_MS, joined_by=THERE)
    catalog.change(news(THERE, member(HERE), member(THERE), other))
    for each in catalog.view.tables["t"].replicas:
        catalog.change(MarkOverdue(name="t", region=each.region, generation=each.generation))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 1))
    assert [each.region for each in catalog.view.left[GLOBAL].members if each.is_member] == [THERE, "zz-1"]


# A member that left and came back between two pieces of news is another member: what it has to get begins anew.
def test_a_member_that_came_back_is_a_new_one() -> None:
    catalog = joined(ELSEWHERE)
    before = catalog.view.tables["t"].replica(ELSEWHERE)
    back = member(ELSEWHERE, NOW_MS + 5, left_ms=NOW_MS + 2)
    catalog.change(news(HERE, member(HERE), member(THERE), back))
    after = catalog.view.tables["t"].replica(ELSEWHERE)
    assert before is not None
    assert after is not None
    assert (after.joined_ms, after.generation) == (NOW_MS + 5, catalog.view.version)
    assert after.generation > before.generation


# Who has left does not know who makes the table here, if anybody does: its news are heard and are not sent again.
def test_news_of_who_left_need_no_table_here() -> None:
    catalog = Catalog(replace(RULES, region=THERE))
    gone = replace_struct(member(ELSEWHERE), left_ms=NOW_MS)
    assert catalog.change(news(ELSEWHERE, member(HERE), newcomer(THERE), gone)).rows == {}


# Nobody waits for a region that stays away: the table may be changed, also while the replica is still on its way.
def test_an_overdue_replica_keeps_nobody_waiting() -> None:
    catalog = Catalog()
    catalog.change(create("t"))
    catalog.change(add())
    replica = catalog.view.tables["t"].replica(THERE)
    assert replica is not None
    for generation in (replica.generation - 1, replica.generation, replica.generation):
        catalog.change(MarkOverdue(name="t", region=THERE, generation=generation))
    assert catalog.view.tables["t"].status is TableStatus.ACTIVE
    catalog.change(UpdateTable(name="t", deletion_protection=True, now_ms=NOW_MS))
    catalog.change(remove())
    assert catalog.view.tables["t"].status is TableStatus.UPDATING


# What others have been told is remembered, so that the news of a region that left go to each of them once.
def test_news_are_told_until_they_are_acknowledged() -> None:
    catalog = joined(ELSEWHERE)
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + HOUR_MS))
    left = catalog.view.left[GLOBAL]
    assert left.waiting == (ELSEWHERE, HERE)
    assert not member_of(left.members, THERE).is_member
    for region in left.waiting:
        assert catalog.view.left
        for version in (left.version - 1, left.version):
            told = RecordTold(name="t", global_table_id=GLOBAL, region=region, version=version, is_farewell=True)
            catalog.change(told)
    assert catalog.view.left == {}


# A region that is lost for good would fill the catalog with news for it: those of tables left longest ago go.
def test_news_of_tables_that_were_left_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.catalog.members.LEFT_TABLES_MAX", 2)
    catalog = Catalog(replace(RULES, source_hold_ms=0))
    for number in range(4):
        catalog.change(create("t"))
        catalog.change(replace_struct(add(), global_table_id=f"g{number}", now_ms=NOW_MS + number))
        catalog.change(replace_struct(status(THERE, ReplicaStatus.ACTIVE), global_table_id=f"g{number}"))
        catalog.change(DeleteTable(name="t", now_ms=NOW_MS + number))
    assert set(catalog.view.left) == {"g2", "g3"}


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
    assert "t" not in catalog.view.tables


# The copy failed: nobody has anything to check against the source, which may go like any other table.
def test_a_source_of_nothing_may_go() -> None:
    catalog = replicated()
    catalog.change(status(THERE, ReplicaStatus.CREATION_FAILED))
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 1))
    assert "t" not in catalog.view.tables


# The same rule, seen from a region that was joined: it knows who the source was.
def test_a_source_elsewhere_stays_too() -> None:
    refused(joined(), remove(HERE), ErrorCode.VALIDATION, "it has acted as a source region")


# Dropping a replica takes as long as dropping any table: the others hear of it afterwards, and the name is free at once.
def test_a_dropped_replica_waits_for_nobody() -> None:
    catalog = replicated()
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS + HOUR_MS))
    catalog.change(create("t"))
    assert catalog.view.tables["t"].global_table_id == ""
    timed = Catalog(replace(RULES, takes_time=True))
    timed.change(replace_struct(create("t"), tags=()))
    timed.change(FinishTable(name="t", number=1, now_ms=NOW_MS + HOUR_MS))
    timed.change(add())
    timed.change(status(THERE, ReplicaStatus.ACTIVE))
    timed.change(DeleteTable(name="t", now_ms=NOW_MS + 30 * HOUR_MS))
    assert timed.view.tables["t"].status is TableStatus.DELETING
    timed.change(FinishTable(name="t", number=1, now_ms=NOW_MS + 31 * HOUR_MS))
    assert (timed.view.tables, timed.view.left[GLOBAL].waiting) == ({}, (THERE,))


# The region that leaves drops its table; it may hear of that more than once, and late: a later membership stays.
def test_leaving_is_idempotent() -> None:
    catalog = joined()
    assert catalog.change(leave(THERE, NOW_MS - 1)).rows == {}
    assert catalog.change(leave(HERE)).rows == {}
    for _ in range(2):
        catalog.change(leave(THERE))
    assert catalog.view.tables == {}


# Deletion protection is each region's own: a removal asked elsewhere must not get around it, and is refused before it begins.
def test_protection_holds_against_other_regions() -> None:
    catalog = joined()
    check = CheckReplica(name="t", global_table_id=GLOBAL, is_added=False)
    assert catalog.change(check).rows == {}
    catalog.change(UpdateTable(name="t", deletion_protection=True, now_ms=NOW_MS))
    text = f"Cannot delete table t in region {THERE} because it has deletion protection enabled."
    for change in (check, leave(THERE), DeleteTable(name="t", now_ms=NOW_MS)):
        refused(catalog, change, ErrorCode.VALIDATION, text)
