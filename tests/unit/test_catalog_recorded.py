"""Settings that are kept and described: point-in-time recovery and Contributor Insights."""

import pytest

from tests.support.rpc_catalog import RULES, Catalog, create
from wire.catalog_changes import CatalogChange, SetInsights, SetRecovery
from wire.errors import ErrorCode, StoreError
from wire.tables import Insights, Recovery

NOW_MS = 1_700_000_000_000


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog(RULES)
    made.change(create("t"))
    return made


# Another period leaves the time from which a table can be restored; off and on begins again.
def test_recovery_begins_when_it_is_switched_on(catalog: Catalog) -> None:
    def after(days: int, now_ms: int) -> Recovery | None:
        catalog.change(SetRecovery(name="t", days=days, now_ms=now_ms))
        return catalog.view.tables["t"].recovery

    assert after(35, NOW_MS) == Recovery(NOW_MS, 35)
    assert after(7, NOW_MS + 5) == Recovery(NOW_MS, 7)
    assert after(0, NOW_MS + 6) is None
    assert after(35, NOW_MS + 7) == Recovery(NOW_MS + 7, 35)


# Each index has insights of its own, and keeps its mode when they are switched off.
def test_insights_are_kept_by_index(catalog: Catalog) -> None:
    def change(index: str, mode: str, *, is_enabled: bool) -> None:
        catalog.change(SetInsights(name="t", index=index, is_enabled=is_enabled, mode=mode, now_ms=NOW_MS))

    change("g", "THROTTLED_KEYS", is_enabled=True)
    change("", "ACCESSED_AND_THROTTLED_KEYS", is_enabled=True)
    change("g", "", is_enabled=False)
    assert catalog.view.tables["t"].insights == (
        Insights("", True, "ACCESSED_AND_THROTTLED_KEYS", NOW_MS),
        Insights("g", False, "THROTTLED_KEYS", NOW_MS),
    )


# There is no such table.
@pytest.mark.parametrize(
    "change",
    [
        SetRecovery(name="x", days=1, now_ms=NOW_MS),
        SetInsights(name="x", index="", is_enabled=True, mode="", now_ms=NOW_MS),
    ],
)
def test_a_table_that_is_not_there(catalog: Catalog, change: CatalogChange) -> None:
    with pytest.raises(StoreError, match="Requested resource not found: Table: x not found") as caught:
        catalog.change(change)
    assert caught.value.code is ErrorCode.RESOURCE_NOT_FOUND
