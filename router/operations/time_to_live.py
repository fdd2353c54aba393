"""UpdateTimeToLive and DescribeTimeToLive."""

from typing import Any

from router.operations.answers import encoded
from router.operations.arns import table_name
from router.operations.context import RequestContext
from router.operations.store import Store
from router.operations.tables import described_table
from wire.catalog_changes import SetTimeToLive
from wire.clock import Clock
from wire.errors import validation_error
from wire.tables import TableStatus, TimeToLive


class UpdateTimeToLive:
    """Enable or disable time to live on an attribute; the catalog decides, and the answer repeats the request."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        asked = body["TimeToLiveSpecification"]
        change = SetTimeToLive(
            name=table_name(body["TableName"], self._store.home),
            attribute=asked["AttributeName"],
            is_enabled=asked["Enabled"],
            now_ms=self._clock.wall_ms(),
        )
        await self._store.change(change, deadline=context.deadline)
        specification = {"Enabled": change.is_enabled, "AttributeName": change.attribute}
        return encoded({"TimeToLiveSpecification": specification})


def describe_time_to_live(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """Return what DescribeTimeToLive answers."""
    table = described_table(store.view, body, store.home)
    if table.status in (TableStatus.CREATING, TableStatus.DELETING):
        state = table.status.value
        raise validation_error(
            f"Cannot describe time to live while table is in {state} state: Current table state is {state}"
        )
    return {"TimeToLiveDescription": _description(table.time_to_live)}


def _description(time_to_live: TimeToLive | None) -> dict[str, Any]:
    """Return the description; like AWS's it forgets the attribute of a table that has it no more."""
    if time_to_live is None or not time_to_live.is_enabled:
        return {"TimeToLiveStatus": "DISABLED"}
    return {"TimeToLiveStatus": time_to_live.status.value, "AttributeName": time_to_live.attribute}
