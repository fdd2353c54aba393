"""Whatever is asked of the catalog, in whatever order, its rows keep their promises."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.rpc_catalog import ELSEWHERE, HERE, RULES, SCHEMA, THERE, Catalog, create
from wire import catalog as w
from wire import catalog_changes as c
from wire.errors import StoreError
from wire.members import Member
from wire.synced import ExpirySetting, SyncedSettings
from wire.tables import (
    BillingMode,
    Encryption,
    IndexSpec,
    KeyAttribute,
    OnDemandMaxima,
    ReplicaStatus,
    ResourcePolicy,
    SettingStamp,
    StreamViewType,
    TableStatus,
    Throughput,
)

NAMES = st.sampled_from(["a", "b"])
REGIONS = st.sampled_from([HERE, THERE, ELSEWHERE])
GLOBALS = st.sampled_from(["g1", "g2"])
TIMES = st.integers(1, 200_000_000)
NUMBERS = st.integers(1, 4)
MEMBERS = st.lists(
    st.builds(Member, region=REGIONS, joined_ms=TIMES, joined_by=REGIONS, opened_ms=TIMES, left_ms=TIMES),
    unique_by=lambda member: member.region,
).map(lambda members: tuple(sorted(members, key=lambda member: member.region)))
GENERATIONS = st.integers(1, 8)
INDEXES = st.sampled_from(["g", "h"])
SETTINGS = st.sampled_from(
    ["capacity", "on_demand", "encryption", "time_to_live", "index/g", "index_capacity/g", "new"]
)
FROM_ELSEWHERE = (c.JoinGlobalTable, c.SyncGlobalTable)
INDEX = IndexSpec(number=0, name="g", is_local=False, partition=(KeyAttribute("by", "S"),))

changes = st.one_of(
    st.builds(create, NAMES),
    st.builds(
        c.UpdateTable,
        name=NAMES,
        stream_enabled=st.none() | st.booleans(),
        stream_view=st.none() | st.sampled_from(StreamViewType),
        deletion_protection=st.none() | st.booleans(),
        billing_mode=st.none() | st.sampled_from(BillingMode),
        throughput=st.none() | st.just(Throughput(1, 1)),
        on_demand=st.none() | st.just(OnDemandMaxima(-1, 3)),
        warm=st.none() | st.just(Throughput(13_000, 0)),
        encryption=st.none() | st.sampled_from([Encryption(""), Encryption("arn")]),
        disables_encryption=st.booleans(),
        creates_index=st.none()
        | st.builds(replace, st.just(INDEX), name=INDEXES, throughput=st.just(Throughput(1, 1))),
        deletes_index=st.none() | INDEXES,
        now_ms=TIMES,
    ),
    st.builds(c.RecordIndexBackfill, name=NAMES, index=NUMBERS, generation=GENERATIONS, partition=NUMBERS),
    st.builds(c.RebuildIndex, name=NAMES, index=NUMBERS, generation=GENERATIONS),
    st.builds(
        c.SyncGlobalTable,
        name=NAMES,
        global_table_id=GLOBALS,
        source=REGIONS,
        members=MEMBERS,
        settings=st.none()
        | st.builds(
            SyncedSettings,
            billing_mode=st.sampled_from(BillingMode),
            throughput=st.just(Throughput(2, 2)),
            is_encrypted=st.booleans(),
            time_to_live=st.none() | st.builds(ExpirySetting, attribute=NAMES, is_enabled=st.booleans()),
            indexes=st.just(()) | st.just((INDEX,)),
            stamps=st.lists(
                st.builds(SettingStamp, time_ms=TIMES, region=REGIONS, name=SETTINGS), unique_by=lambda each: each.name
            ).map(tuple),
        ),
        now_ms=TIMES,
    ),
    st.builds(c.SetTags, name=NAMES, tags=st.just((("k", "v"),)), removes=st.just(()) | st.just(("k",)), now_ms=TIMES),
    st.builds(
        c.SetResourcePolicy,
        name=NAMES,
        is_for_stream=st.booleans(),
        policy=st.none() | st.builds(ResourcePolicy, document=NAMES, revision_id=st.just("")),
        expected=st.sampled_from(["", "NO_POLICY", "1"]),
        now_ms=TIMES,
    ),
    st.builds(c.DeleteTable, name=NAMES, now_ms=TIMES),
    st.builds(c.FinishTable, name=NAMES, number=NUMBERS),
    st.builds(c.AddReplica, name=NAMES, region=REGIONS, now_ms=TIMES, global_table_id=GLOBALS),
    st.builds(c.RemoveReplica, name=NAMES, region=REGIONS, now_ms=TIMES),
    st.builds(
        c.JoinGlobalTable,
        name=NAMES,
        global_table_id=GLOBALS,
        key_schema=st.just(SCHEMA),
        billing_mode=st.just(BillingMode.PAY_PER_REQUEST),
        throughput=st.just(Throughput()),
        stream_view=st.sampled_from(StreamViewType),
        members=MEMBERS,
        new_region=REGIONS,
        source=REGIONS,
        now_ms=TIMES,
        table_id=st.just("id"),
    ),
    st.builds(
        c.LeaveGlobalTable,
        name=NAMES,
        global_table_id=GLOBALS,
        region=REGIONS,
        source=REGIONS,
        joined_ms=TIMES,
        left_ms=TIMES,
        now_ms=TIMES,
    ),
    st.builds(
        c.SetReplicaStatus,
        name=NAMES,
        global_table_id=GLOBALS,
        region=REGIONS,
        status=st.sampled_from(
            [ReplicaStatus.ACTIVE, ReplicaStatus.CREATION_FAILED, ReplicaStatus.DELETING, ReplicaStatus.UPDATING]
        ),
    ),
    st.builds(
        c.ForgetReplica, name=NAMES, global_table_id=GLOBALS, region=REGIONS, is_gone=st.booleans(), now_ms=TIMES
    ),
    st.builds(c.MarkOverdue, name=NAMES, region=REGIONS, generation=GENERATIONS),
    st.builds(
        c.RecordTold,
        name=NAMES,
        global_table_id=GLOBALS,
        region=REGIONS,
        version=GENERATIONS,
        is_farewell=st.booleans(),
    ),
    st.builds(c.CheckReplica, name=NAMES, global_table_id=GLOBALS, is_added=st.booleans()),
    st.builds(c.RecordBackfill, name=NAMES, region=REGIONS, generation=NUMBERS, partition=NUMBERS),
    st.builds(c.SetTimeToLive, name=NAMES, attribute=NAMES, is_enabled=st.booleans(), now_ms=TIMES),
    st.builds(c.RecordTimeToLive, name=NAMES, generation=NUMBERS, partition=NUMBERS),
)


def check(catalog: Catalog) -> None:
    view = catalog.view
    for name, table in view.tables.items():
        regions = [replica.region for replica in table.replicas]
        assert table.number < view.counters["next_table"]
        assert (table.name, view.tables_by_number[table.number]) == (name, table)
        numbers = [index.number for index in table.indexes]
        assert len({index.name for index in table.indexes}) == len(set(numbers)) == len(numbers)
        assert all(0 < number < table.next_index for number in numbers)
        assert HERE not in regions
        assert regions == sorted(set(regions))
        assert bool(table.replicas) <= bool(table.global_table_id)
        if table.replicas:
            assert table.stream is not None
            assert table.stream.is_enabled or table.status is TableStatus.DELETING
        if table.status is TableStatus.ACTIVE:
            waited_for = [each for each in table.replicas if not each.is_overdue]
            assert not any(replica.status is ReplicaStatus.CREATING for replica in waited_for)
        if table.members:
            members = {member.region for member in table.members if member.is_member and member.region != HERE}
            failed = {each.region for each in table.replicas if each.status is ReplicaStatus.CREATION_FAILED}
            assert members <= set(regions) <= members | failed
    assert len(view.tables) == len(view.tables_by_number)
    assert all(left.waiting for left in view.left.values())
    check_streams(view)


def check_streams(view: w.CatalogView) -> None:
    """Names of streams name one, and what is kept of a dropped table is no table."""
    assert not view.dropped.keys() & view.tables_by_number.keys()
    known = [(table, stream) for table in (*view.tables.values(), *view.dropped.values()) for stream in table.streams]
    names = [(table.name, stream.label) for table, stream in known]
    assert len(names) == len(set(names))
    for table, stream in known:
        assert stream.is_enabled <= (table.number in view.tables_by_number and stream is table.stream)
        assert stream.generation < view.version + 1


# Other regions, drivers and clients interleave freely; no order of their steps may leave rows that contradict each other.
@given(st.lists(changes, max_size=25))
def test_rows_keep_their_promises(asked: list[c.CatalogChange]) -> None:
    catalog = Catalog(RULES)
    for change in asked:
        before = catalog.view.version
        numbers, next_number = set(catalog.view.tables_by_number), catalog.view.counters.get("next_table", 1)
        try:
            decision = catalog.change(change)
        except StoreError:
            assert catalog.view.version == before
            continue
        assert catalog.view.version == before + bool(decision.rows)
        check(catalog)
        assert all(number >= next_number for number in catalog.view.tables_by_number.keys() - numbers)


# What this region itself begins is one at a time: the second request is refused while the first goes on.
@given(st.lists(changes.filter(lambda change: not isinstance(change, FROM_ELSEWHERE)), max_size=25))
def test_a_region_adds_one_replica_at_a_time(asked: list[c.CatalogChange]) -> None:
    catalog = Catalog(RULES)
    for change in asked:
        try:
            catalog.change(change)
        except StoreError:
            continue
        for table in catalog.view.tables.values():
            waited_for = [replica for replica in table.replicas if not replica.is_overdue]
            assert sum(replica.status is ReplicaStatus.CREATING for replica in waited_for) <= 1


# A delta travels and is stored as bytes; a change too.
@given(changes)
def test_changes_and_decisions_survive_the_wire(change: c.CatalogChange) -> None:
    assert c.decode_change(c.encode_change(change)) == change
    catalog = Catalog(RULES)
    decision = catalog.change(create("a"))
    assert c.Decided.decode(c.Decided(2, decision.table).encode()) == c.Decided(2, decision.table)
    delta = w.Delta(2, decision.rows)
    assert w.decode_delta(w.encode_delta(delta)) == delta
