"""A table that is on its way out takes no change, whatever it is of and whoever asks."""

from dataclasses import replace as replaced

import pytest
from msgspec.structs import replace

from tests.support.rpc_catalog import ELSEWHERE, HOUR_MS, RULES, THERE, Catalog, create
from wire.catalog_changes import (
    AddReplica,
    CatalogChange,
    DeleteTable,
    FinishTable,
    SetReplicaStatus,
    SetResourcePolicy,
    SetTags,
    SetTimeToLive,
    SyncGlobalTable,
    UpdateTable,
)
from wire.errors import ErrorCode, StoreError
from wire.synced import synced_settings
from wire.tables import (
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

MADE_MS = 1_700_000_000_000
NOW_MS = MADE_MS + 25 * HOUR_MS
INDEX = IndexSpec(number=0, name="g", is_local=False, partition=(KeyAttribute("g", "S"),))
ASKED: dict[str, CatalogChange] = {
    **{
        next(iter(settings)): UpdateTable(name="t", now_ms=NOW_MS, **settings)  # type: ignore[arg-type]
        for settings in (
            {"deletion_protection": True},
            {"encryption": Encryption("")},
            {"table_class": "STANDARD_INFREQUENT_ACCESS"},
            {"creates_index": INDEX},
            {"on_demand": OnDemandMaxima(10, 10)},
            {"warm": Throughput(13_000, 5_000)},
        )
    },
    "time to live": SetTimeToLive(name="t", attribute="expires", is_enabled=True, now_ms=NOW_MS),
    "tags": SetTags(name="t", tags=(("a", "1"),), now_ms=NOW_MS),
    "policy": SetResourcePolicy(name="t", is_for_stream=False, policy=ResourcePolicy("{}", ""), now_ms=NOW_MS),
    "replica": AddReplica(name="t", region=ELSEWHERE, now_ms=NOW_MS, global_table_id="g"),
}


def standing(*, is_global: bool) -> Catalog:
    """Return a catalog with one table, ACTIVE here and, if it is global, in another region."""
    catalog = Catalog(replaced(RULES, takes_time=True))
    catalog.change(create("t", now_ms=MADE_MS, stream_view=StreamViewType.NEW_AND_OLD_IMAGES))
    number = catalog.view.tables["t"].number
    catalog.change(FinishTable(name="t", number=number, now_ms=MADE_MS + 60_000))
    if is_global:
        catalog.change(AddReplica(name="t", region=THERE, now_ms=MADE_MS + 60_000, global_table_id="g"))
        opened = SetReplicaStatus(name="t", global_table_id="g", region=THERE, status=ReplicaStatus.ACTIVE)
        catalog.change(opened)
        catalog.change(FinishTable(name="t", number=number, now_ms=MADE_MS + 120_000))
    assert catalog.view.tables["t"].status is TableStatus.ACTIVE
    return catalog


def leaving(*, is_global: bool) -> Catalog:
    """Return such a catalog after its table was dropped: it stays a while."""
    catalog = standing(is_global=is_global)
    catalog.change(DeleteTable(name="t", now_ms=NOW_MS))
    assert catalog.view.tables["t"].status is TableStatus.DELETING
    return catalog


# Whoever is told that a change was made would find it gone with the table, or, worse, would bring the table back.
@pytest.mark.parametrize("is_global", [False, True])
@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_a_leaving_table_takes_no_change(asked: CatalogChange, is_global: bool) -> None:
    assert standing(is_global=is_global).change(asked).rows, (
        "the change must be one that a table which stays would take"
    )
    catalog = leaving(is_global=is_global)
    before = catalog.view.tables["t"]
    with pytest.raises(StoreError) as caught:
        catalog.change(asked)
    assert caught.value.code is ErrorCode.RESOURCE_IN_USE
    assert catalog.view.tables["t"] == before


# Another region has not heard of it and sends what was changed there: it must not be kept, and is no error.
def test_a_leaving_table_takes_no_settings_from_afar() -> None:
    settings = synced_settings(standing(is_global=True).view.tables["t"])
    newer = replace(settings, warm=Throughput(20_000, 9_000), stamps=(SettingStamp(NOW_MS, THERE, "warm"),))
    sync = SyncGlobalTable(name="t", global_table_id="g", settings=newer, now_ms=NOW_MS)
    assert standing(is_global=True).change(sync).rows
    assert leaving(is_global=True).change(sync).rows == {}


# What is on its way out cannot be dropped: dynamodb-conformance's runs on AWS to 2026-10-09 (AWS's documentation says that it is no error).
@pytest.mark.parametrize("is_global", [False, True])
def test_a_leaving_table_is_dropped_once(is_global: bool) -> None:
    catalog = leaving(is_global=is_global)
    before = catalog.view.tables["t"]
    with pytest.raises(StoreError) as caught:
        catalog.change(DeleteTable(name="t", now_ms=NOW_MS + 1))
    assert caught.value.code is ErrorCode.RESOURCE_IN_USE
    assert catalog.view.tables["t"] == before
