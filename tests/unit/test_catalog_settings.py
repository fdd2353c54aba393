"""Settings that all regions of a global table share: who changed them last wins, in whatever order regions hear of it."""

from dataclasses import replace

import pytest

from node.catalog.settings import DELETED_INDEXES_MAX
from tests.support.rpc_catalog import ELSEWHERE, HERE, HOUR_MS, RULES, SCHEMA, THERE, Catalog, create
from wire.catalog_changes import (
    AddReplica,
    CatalogChange,
    IndexSettings,
    JoinGlobalTable,
    SetReplicaStatus,
    SetTimeToLive,
    SyncGlobalTable,
    UpdateReplicas,
    UpdateTable,
)
from wire.errors import ErrorCode, StoreError
from wire.synced import members_of, synced_settings
from wire.tables import (
    Encryption,
    IndexSpec,
    IndexStatus,
    KeyAttribute,
    OnDemandMaxima,
    ReplicaOverrides,
    ReplicaStatus,
    TableSpec,
    TableStatus,
    Throughput,
    TimeToLive,
)

NOW_MS = 1_700_000_000_000
GLOBAL = "global-1"


def index(name: str, attribute: str = "by") -> IndexSpec:
    return IndexSpec(number=0, name=name, is_local=False, partition=(KeyAttribute(attribute, "S"),))


def update(now_ms: int = NOW_MS, **members: object) -> UpdateTable:
    return UpdateTable(name="t", now_ms=now_ms, **members)  # type: ignore[arg-type]


class Pair:
    """The catalogs of two regions that hold `t`, made as clients and drivers make them."""

    def __init__(self, overrides: ReplicaOverrides | None = None, **members: object) -> None:
        self.here = Catalog(replace(RULES, source_hold_ms=HOUR_MS))
        self.there = Catalog(replace(RULES, region=THERE))
        self.here.change(create("t", **members))
        added = AddReplica(name="t", region=THERE, overrides=overrides, now_ms=NOW_MS, global_table_id=GLOBAL)
        self.here.change(added)
        table = self.here.view.tables["t"]
        assert table.stream is not None
        self.there.change(
            JoinGlobalTable(
                name="t",
                global_table_id=GLOBAL,
                key_schema=SCHEMA,
                billing_mode=table.billing_mode,
                throughput=table.throughput,
                stream_view=table.stream.view_type,
                members=members_of(table, HERE),
                new_region=THERE,
                source=HERE,
                now_ms=NOW_MS,
                table_id="id-there",
                settings=synced_settings(table),
            )
        )
        for catalog in (self.there, self.here):
            opened = SetReplicaStatus(name="t", global_table_id=GLOBAL, region=THERE, status=ReplicaStatus.ACTIVE)
            catalog.change(opened)

    def tables(self) -> tuple[TableSpec, TableSpec]:
        return self.here.view.tables["t"], self.there.view.tables["t"]

    def sync(self, source: Catalog, destination: Catalog) -> bool:
        """Tell one region the settings of another; return whether that changed anything."""
        settings = synced_settings(source.view.tables["t"])
        change = SyncGlobalTable(name="t", global_table_id=GLOBAL, settings=settings, now_ms=NOW_MS + HOUR_MS)
        return bool(destination.change(change).rows)

    def agree(self) -> None:
        """Tell both until neither has news; they then have to be of one mind."""
        for _ in range(4):
            news = [self.sync(self.here, self.there), self.sync(self.there, self.here)]
            if not any(news):
                break
        here, there = (synced_settings(table) for table in self.tables())
        assert shared(here.stamps, here.indexes) == shared(there.stamps, there.indexes)


def shared(stamps: tuple[object, ...], indexes: tuple[IndexSpec, ...]) -> object:
    return stamps, sorted((each.name, each.partition, each.on_demand.write_units) for each in indexes)


# A new replica begins with everything that the source has, indexes that need no filling included.
def test_a_new_replica_begins_with_all_settings() -> None:
    local = IndexSpec(
        number=0, name="l", is_local=True, partition=(SCHEMA.partition,), sort=(KeyAttribute("when", "N"),)
    )
    pair = Pair(
        on_demand=OnDemandMaxima(7, 8),
        warm=Throughput(20_000, 5_000),
        encryption=Encryption(""),
        table_class="STANDARD_INFREQUENT_ACCESS",
        indexes=(local, index("g")),
        tags=(("a", "b"),),
        deletion_protection=True,
    )
    here, there = pair.tables()
    for name in ("on_demand", "warm", "encryption", "table_class"):
        assert getattr(there, name) == getattr(here, name)
    assert [(each.name, each.is_local, each.status) for each in there.indexes] == [
        ("l", True, IndexStatus.ACTIVE),
        ("g", False, IndexStatus.ACTIVE),
    ]
    assert (there.tags, there.deletion_protection) == ((), False)


# Time to live travels with a new replica as well.
def test_a_new_replica_begins_with_time_to_live() -> None:
    pair = Pair()
    pair.here.change(SetTimeToLive(name="t", attribute="end", is_enabled=True, now_ms=NOW_MS))
    pair.agree()
    expiry = pair.tables()[1].time_to_live
    assert isinstance(expiry, TimeToLive)
    assert (expiry.attribute, expiry.is_enabled) == ("end", True)


# What is each region's own stays where it is: of reads and class the other only hears what to describe, of protection nothing.
def test_own_settings_are_nobody_elses_business() -> None:
    pair = Pair()
    pair.here.change(update(deletion_protection=True))
    pair.here.change(update(table_class="STANDARD_INFREQUENT_ACCESS"))
    pair.here.change(update(on_demand=OnDemandMaxima(5, 0)))
    assert [stamp.name for stamp in pair.tables()[0].stamps] == [f"replica/{HERE}"]
    pair.agree()
    there = pair.tables()[1]
    assert (there.deletion_protection, there.table_class, there.on_demand) == (False, "STANDARD", OnDemandMaxima())
    assert there.override(HERE).table_class == "STANDARD_INFREQUENT_ACCESS"
    assert there.override(HERE).max_reads == 5


# A change made in one region comes to the other, once.
@pytest.mark.parametrize(
    "change",
    [
        update(on_demand=OnDemandMaxima(0, 9)),
        update(warm=Throughput(15_000, 4_500)),
        update(encryption=Encryption("")),
        update(creates_index=index("g")),
        SetTimeToLive(name="t", attribute="end", is_enabled=True, now_ms=NOW_MS),
    ],
)
def test_a_change_reaches_the_other_region(change: CatalogChange) -> None:
    pair = Pair()
    pair.there.change(change)
    assert pair.sync(pair.there, pair.here)
    assert not pair.sync(pair.there, pair.here)
    here, there = pair.tables()
    assert (here.on_demand, here.warm, here.encryption) == (there.on_demand, there.warm, there.encryption)
    assert [each.name for each in here.indexes] == [each.name for each in there.indexes]
    assert (here.time_to_live is None) == (there.time_to_live is None)


# An index that comes from elsewhere has to be filled with the items that are here already.
def test_an_index_from_elsewhere_is_filled_here() -> None:
    pair = Pair()
    pair.here.change(update(creates_index=index("g")))
    pair.agree()
    (made,) = pair.tables()[1].indexes
    assert (made.status, made.generation) == (IndexStatus.CREATING, pair.there.view.version)
    pair.there.change(update(NOW_MS + 1, deletes_index="g"))
    pair.agree()
    assert [table.indexes for table in pair.tables()] == [(), ()]


# The later change wins on both sides, whichever is told first.
@pytest.mark.parametrize("here_first", [True, False])
def test_the_later_change_wins(here_first: bool) -> None:
    pair = Pair()
    pair.here.change(update(NOW_MS + 1, on_demand=OnDemandMaxima(0, 1)))
    pair.there.change(update(NOW_MS + 2, on_demand=OnDemandMaxima(0, 2)))
    catalogs = [pair.here, pair.there]
    pair.sync(*(catalogs if here_first else reversed(catalogs)))
    pair.agree()
    assert [table.on_demand.write_units for table in pair.tables()] == [2, 2]


# At the same millisecond the region's name decides: somebody has to win, and the same one everywhere.
def test_a_tie_is_broken() -> None:
    pair = Pair()
    pair.here.change(update(on_demand=OnDemandMaxima(0, 1)))
    pair.there.change(update(on_demand=OnDemandMaxima(0, 2)))
    pair.agree()
    assert HERE > THERE
    assert [table.on_demand.write_units for table in pair.tables()] == [1, 1]


# A clock that is behind must not make a change lose to the one that its author saw.
def test_a_change_wins_over_what_it_saw() -> None:
    pair = Pair()
    pair.here.change(update(NOW_MS + HOUR_MS, on_demand=OnDemandMaxima(0, 1)))
    pair.agree()
    pair.there.change(update(NOW_MS, on_demand=OnDemandMaxima(0, 2)))
    pair.agree()
    assert [table.on_demand.write_units for table in pair.tables()] == [2, 2]


# Both make an index of the same name, differently: one of them has to go, and its number with it.
def test_two_indexes_of_one_name() -> None:
    pair = Pair()
    pair.here.change(update(NOW_MS + 1, creates_index=index("g", "one")))
    pair.there.change(update(NOW_MS + 2, creates_index=index("g", "other")))
    pair.agree()
    for table in pair.tables():
        assert [each.partition[0].name for each in table.indexes] == ["other"]
    assert pair.tables()[0].indexes[0].number == 2


# An index deleted here while its capacity is changed there is gone everywhere: the older creation cannot bring it back.
def test_a_deleted_index_stays_deleted() -> None:
    pair = Pair(indexes=(index("g"),))
    before = synced_settings(pair.tables()[1])
    pair.here.change(update(NOW_MS + 1, deletes_index="g"))
    pair.agree()
    late = SyncGlobalTable(name="t", global_table_id=GLOBAL, settings=before, now_ms=NOW_MS)
    assert pair.here.change(late).rows == {}
    assert [table.indexes for table in pair.tables()] == [(), ()]


# Warm throughput never falls, so two that rise at once end at the larger of each.
def test_the_warmer_wins() -> None:
    pair = Pair()
    pair.here.change(update(NOW_MS + 2, warm=Throughput(20_000, 0)))
    pair.there.change(update(NOW_MS + 1, warm=Throughput(0, 9_000)))
    pair.agree()
    assert [table.warm for table in pair.tables()] == [Throughput(20_000, 9_000)] * 2


# Settings of another global table, or for a table that is not there yet.
def test_settings_find_their_table() -> None:
    pair = Pair()
    settings = synced_settings(pair.tables()[0])
    stranger = SyncGlobalTable(name="t", global_table_id="other", settings=settings, now_ms=NOW_MS)
    assert pair.there.change(stranger).rows == {}
    early = SyncGlobalTable(name="u", global_table_id=GLOBAL, settings=settings, now_ms=NOW_MS)
    with pytest.raises(StoreError) as caught:
        pair.there.change(early)
    assert caught.value.code is ErrorCode.RESOURCE_NOT_FOUND


# A table of one region stamps nothing: there is nobody to tell, and a replica begins with what is then.
def test_a_regional_table_stamps_nothing() -> None:
    catalog = Catalog(replace(RULES, regions=frozenset({HERE, THERE, ELSEWHERE})))
    catalog.change(create("t"))
    catalog.change(update(on_demand=OnDemandMaxima(1, 1)))
    assert catalog.view.tables["t"].stamps == ()


# A key of the customer's belongs to one region.
def test_a_customers_key_is_not_replicated() -> None:
    with pytest.raises(StoreError, match="KMSMasterKeyId must be specified for each replica"):
        Pair(encryption=Encryption("arn:aws:kms:us-east-1:123456789012:key/1"))
    with pytest.raises(StoreError, match="KMSMasterKeyId must be specified for each replica"):
        Pair().here.change(update(encryption=Encryption("arn:aws:kms:us-east-1:123456789012:key/1")))


# An index made anew here, while its capacity was changed there later: the new index has that capacity, in both regions.
def test_capacity_of_an_index_has_a_stamp_of_its_own() -> None:
    pair = Pair(indexes=(index("g", "one"),))
    pair.here.change(update(NOW_MS + 1, deletes_index="g"))
    pair.here.change(update(NOW_MS + 2, creates_index=index("g", "other")))
    maxima = IndexSettings(name="g", on_demand=OnDemandMaxima(0, 7))
    pair.there.change(update(NOW_MS + 9, index_settings=(maxima,)))
    pair.agree()
    for table in pair.tables():
        (made,) = table.indexes
        assert (made.partition[0].name, made.on_demand.write_units) == ("other", 7)


# Programs that make and drop indexes all day must not fill the row with what they once were.
def test_deleted_indexes_are_forgotten_in_the_end() -> None:
    pair = Pair()
    count = DELETED_INDEXES_MAX + 5
    for number in range(count):
        pair.here.change(update(NOW_MS + 2 * number, creates_index=index(f"g{number:03}")))
        pair.here.change(update(NOW_MS + 2 * number + 1, deletes_index=f"g{number:03}"))
    names = {stamp.name for stamp in pair.tables()[0].stamps}
    assert len(names) == 2 * DELETED_INDEXES_MAX
    assert "index/g004" not in names
    assert {f"index/g{count - 1:03}", f"index_capacity/g{count - 1:03}"} <= names


# The answer calls a replica UPDATING whose protection is changed, as AWS does of members of global tables only; it is over at once.
def test_protection_of_a_replica_moves_it() -> None:
    pair, alone = Pair(), Catalog(RULES)
    alone.change(create("t"))
    for catalog, status in ((pair.here, TableStatus.UPDATING), (alone, TableStatus.ACTIVE)):
        shown = catalog.change(update(deletion_protection=True)).table
        assert shown is not None
        assert (shown.status, catalog.view.tables["t"].status) == (status, TableStatus.ACTIVE)


KEY_THERE = "arn:aws:kms:eu-west-1:123456789012:key/2"
CUSTOMERS = Encryption("arn:aws:kms:us-east-1:123456789012:key/1")


def override(now_ms: int = NOW_MS + 1, **members: object) -> UpdateReplicas:
    return UpdateReplicas(name="t", overrides=(ReplicaOverrides(THERE, **members),), now_ms=now_ms)  # type: ignore[arg-type]


# What a replica is to have otherwise is in force in its region from the beginning, and known in the region that asked for it.
def test_a_replica_begins_with_its_overrides() -> None:
    asked = ReplicaOverrides(
        THERE, table_class="STANDARD_INFREQUENT_ACCESS", max_reads=7, indexes=(("g", 3), ("none", 4))
    )
    pair = Pair(asked, indexes=(index("g"),), on_demand=OnDemandMaxima(5, 8))
    here, there = pair.tables()
    assert here.override(THERE) == there.override(THERE) == asked
    assert (here.table_class, here.on_demand, here.indexes[0].on_demand.read_units) == (
        "STANDARD",
        OnDemandMaxima(5, 8),
        0,
    )
    assert (there.table_class, there.on_demand) == ("STANDARD_INFREQUENT_ACCESS", OnDemandMaxima(7, 8))
    assert there.indexes[0].on_demand.read_units == 3


# Asked for later in another region it comes to the replica's, member by member; the answer shows the table as it was, and UPDATING.
def test_overrides_are_changed_from_elsewhere() -> None:
    pair = Pair(on_demand=OnDemandMaxima(5, 8))
    shown = pair.here.change(override(max_reads=7)).table
    assert shown is not None
    assert (shown.status, shown.overrides) == (TableStatus.UPDATING, ())
    pair.here.change(override(NOW_MS + 2, table_class="STANDARD_INFREQUENT_ACCESS"))
    pair.agree()
    here, there = pair.tables()
    assert here.status is TableStatus.ACTIVE
    assert here.override(THERE) == there.override(THERE)
    assert (there.on_demand, there.table_class) == (OnDemandMaxima(7, 8), "STANDARD_INFREQUENT_ACCESS")
    assert there.class_changes == (NOW_MS + 2,)
    assert not pair.sync(pair.here, pair.there), "nothing happens twice"
    pair.here.change(override(NOW_MS + 3, max_reads=-1))
    pair.agree()
    assert pair.tables()[1].on_demand == OnDemandMaxima(0, 8)


# Of the region's own change and another region's wish the later one counts, however late it is heard of.
@pytest.mark.parametrize(("own_ms", "reads"), [(NOW_MS + 1, 7), (NOW_MS + 9, 9)])
def test_the_later_of_both_wins(own_ms: int, reads: int) -> None:
    pair = Pair()
    pair.there.change(update(own_ms, on_demand=OnDemandMaxima(9, 0)))
    pair.here.change(override(NOW_MS + 5, max_reads=7))
    pair.agree()
    here, there = pair.tables()
    assert (there.on_demand.read_units, here.override(THERE).max_reads) == (reads, reads)
    assert here.on_demand.read_units == 0


# A key of the customer's is given for every replica or for none, when it is added and not later.
# Source of the words: public recordings of AWS's answers of autumn 2026.
def test_keys_of_replicas() -> None:
    there = Pair(ReplicaOverrides(THERE, key_arn=KEY_THERE), encryption=CUSTOMERS).tables()[1]
    assert there.encryption == Encryption(KEY_THERE)
    both = "All replica keys must either be Customer Managed CMK or AWS Managed CMK."
    for key_arn, encryption in ((KEY_THERE, None), (KEY_THERE, Encryption("")), ("", CUSTOMERS)):
        with pytest.raises(StoreError, match=both):
            Pair(ReplicaOverrides(THERE, key_arn=key_arn), encryption=encryption)
    with pytest.raises(StoreError, match="KMSMasterKeyId must be specified for each replica"):
        Pair().here.change(override(key_arn=KEY_THERE))


# There has to be such a replica, and this region's own settings are changed directly.
def test_overrides_need_their_replica() -> None:
    alone = Catalog(RULES)
    alone.change(create("t"))
    with pytest.raises(StoreError, match="Replica specified in the Replica Update or Replica Delete action") as caught:
        alone.change(override(max_reads=7))
    assert caught.value.code is ErrorCode.VALIDATION
    elsewhere = UpdateReplicas(name="t", overrides=(ReplicaOverrides(ELSEWHERE, max_reads=7),), now_ms=NOW_MS)
    with pytest.raises(StoreError, match="were not part of the global table"):
        Pair().here.change(elsewhere)
    own = UpdateReplicas(name="t", overrides=(ReplicaOverrides(HERE, max_reads=7),), now_ms=NOW_MS)
    with pytest.raises(StoreError, match="Cannot add, delete, or update the local region"):
        Pair().here.change(own)
