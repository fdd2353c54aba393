"""CloudWatch Contributor Insights, which are kept and described: nothing is counted yet.

Source of the rules' names: AWS's guide, "CloudWatch contributor insights for DynamoDB: How it works".
"""

from collections.abc import Mapping
from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.one_function import Answer
from router.operations.store import Store
from router.operations.tables import described_table, require_name
from wire.catalog_changes import SetInsights
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import IndexStatus, Insights, TableSpec, TableStatus

_DEFAULT_MODE: Final = "ACCESSED_AND_THROTTLED_KEYS"
# AWS's bound of a page.
_SUMMARIES_MAX: Final = 100


class UpdateContributorInsights:
    """Have it noted that insights of a table or an index are on or off."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        index = _named_index(body)
        spec = described_table(self._store.view, body, self._store.home)
        _require_index(spec, index)
        present = spec.insight(index)
        is_enabled = body["ContributorInsightsAction"] == "ENABLE"
        if not is_enabled and (present is None or not present.is_enabled):
            return encoded(_described(spec, index))
        if is_enabled:
            _require_active(spec, index)
        mode = body.get("ContributorInsightsMode", "" if present else _DEFAULT_MODE)
        change = SetInsights(
            name=spec.name, index=index, is_enabled=is_enabled, mode=mode, now_ms=self._clock.wall_ms()
        )
        decided = await self._store.change(change, deadline=context.deadline)
        assert decided.table is not None, f"the catalog changed table {spec.name!r} and does not show it"
        noted = decided.table.insight(index)
        assert noted is not None, f"the catalog noted insights of table {spec.name!r} and does not show them"
        return encoded(
            {
                **_named(spec, index),
                "ContributorInsightsStatus": "ENABLING" if is_enabled else "DISABLING",
                "ContributorInsightsMode": noted.mode,
            }
        )


def _describe(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    index = _named_index(body)
    spec = described_table(store.view, body, store.home)
    _require_index(spec, index)
    return _described(spec, index)


def _list(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    tables = list(store.view.tables.values())
    if body.get("TableName") is not None:
        tables = [described_table(store.view, body, store.home)]
    # AWS names only tables and indexes where it is not off.
    summaries = {
        f"{spec.name}/{each.index}": _summary(spec, each)
        for spec in tables
        for each in spec.insights
        if each.is_enabled and _is_there(spec, each.index)
    }
    names = sorted(name for name in summaries if name > body.get("NextToken", ""))
    asked = body.get("MaxResults") or 0
    # The model bounds it above only; less than one cannot be meant.
    page = names[: asked if 0 < asked <= _SUMMARIES_MAX else _SUMMARIES_MAX]
    more = {"NextToken": page[-1]} if len(page) < len(names) else {}
    return {"ContributorInsightsSummaries": [summaries[name] for name in page], **more}


def _named_index(body: dict[str, Any]) -> str:
    """Return the index that a request names, or nothing for the table itself."""
    index: str | None = body.get("IndexName")
    if index is not None:
        require_name(index, "IndexName")
    return index or ""


def _require_index(spec: TableSpec, index: str) -> None:
    if not _is_there(spec, index):
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND,
            f"Requested resource not found: Index: {index} not found for table: {spec.name}",
        )


def _is_there(spec: TableSpec, index: str) -> bool:
    return not index or index in {each.name for each in spec.global_indexes}


def _described(spec: TableSpec, index: str) -> dict[str, Any]:
    """Return the description: what was never on is DISABLED, and nothing more is known of it."""
    found = spec.insight(index)
    if found is None:
        return {**_named(spec, index), "ContributorInsightsStatus": "DISABLED"}
    return {
        **_summary(spec, found),
        **({"ContributorInsightsRuleList": _rules(spec, found)} if found.is_enabled else {}),
        "LastUpdateDateTime": found.changed_ms / 1000,
    }


def _summary(spec: TableSpec, found: Insights) -> dict[str, Any]:
    status = "ENABLED" if found.is_enabled else "DISABLED"
    return {
        **_named(spec, found.index),
        "ContributorInsightsStatus": status,
        "ContributorInsightsMode": found.mode,
    }


def _named(spec: TableSpec, index: str) -> dict[str, str]:
    return {"TableName": spec.name, **({"IndexName": index} if index else {})}


def _rules(spec: TableSpec, found: Insights) -> list[str]:
    """Return the names of the rules: of accessed keys and throttled ones, of partition keys and, where there are, of sort keys."""
    index = spec.index(found.index)
    has_sort = spec.key_schema.sort is not None if index is None else bool(index.sort)
    counted = ("C", "T") if found.mode == _DEFAULT_MODE else ("T",)
    resource = f"{spec.name}-{found.index}" if found.index else spec.name
    keys = ("PK", "SK") if has_sort else ("PK",)
    return [
        f"DynamoDBContributorInsights-{key}{kind}-{resource}-{found.changed_ms}" for key in keys for kind in counted
    ]


def _require_active(spec: TableSpec, index: str) -> None:
    found = spec.index(index)
    if spec.status in (TableStatus.CREATING, TableStatus.DELETING):
        raise _wrong_state("TableStatus")
    if found is not None and found.status is not IndexStatus.ACTIVE:
        raise _wrong_state("IndexStatus")


def _wrong_state(member: str) -> StoreError:
    return validation_error(
        "Table or Index is not in a valid state to update Key Access Insights: "
        f"{member} must be ACTIVE to enable ContributorInsights."
    )


ANSWERS: Final[Mapping[str, Answer]] = {
    "DescribeContributorInsights": _describe,
    "ListContributorInsights": _list,
}
