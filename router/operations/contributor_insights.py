"""CloudWatch Contributor Insights, which no table and no index has yet."""

from collections.abc import Mapping
from typing import Any, Final

from router.operations.one_function import Answer, not_available
from router.operations.store import Store
from router.operations.tables import described_table, require_name
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import IndexStatus, TableSpec, TableStatus


def _describe(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    index = _named_index(body)
    return _disabled(described_table(store.view, body, store.home), index)


def _list(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("TableName") is not None:
        described_table(store.view, body, store.home)
    # AWS names only tables and indexes where it is not off.
    return {"ContributorInsightsSummaries": []}


def _update(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    index = _named_index(body)
    spec = described_table(store.view, body, store.home)
    answer = _disabled(spec, index)
    if body["ContributorInsightsAction"] == "ENABLE":
        _require_active(spec, index)
        raise not_available("UpdateContributorInsights with ContributorInsightsAction ENABLE")
    return answer


def _named_index(body: dict[str, Any]) -> str | None:
    index: str | None = body.get("IndexName")
    if index is not None:
        require_name(index, "IndexName")
    return index


def _disabled(spec: TableSpec, index: str | None) -> dict[str, Any]:
    if index is None:
        return {"TableName": spec.name, "ContributorInsightsStatus": "DISABLED"}
    if index not in {each.name for each in spec.global_indexes}:
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND,
            f"Requested resource not found: Index: {index} not found for table: {spec.name}",
        )
    return {"TableName": spec.name, "IndexName": index, "ContributorInsightsStatus": "DISABLED"}


def _require_active(spec: TableSpec, index: str | None) -> None:
    found = None if index is None else spec.index(index)
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
    "UpdateContributorInsights": _update,
}
