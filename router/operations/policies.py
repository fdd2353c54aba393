"""PutResourcePolicy, GetResourcePolicy and DeleteResourcePolicy, for tables and their streams.

Knows where policies are kept and how revisions are told; what a policy has to look like is `policy_documents`'. They are kept and
given back, not enforced: requests are not judged by them.
"""

from typing import Any

from router.operations.answers import NOTHING, encoded
from router.operations.context import RequestContext
from router.operations.policy_actions import STREAM_ACTIONS, TABLE_ACTIONS
from router.operations.policy_documents import canonical_policy
from router.operations.resource_arns import Resource, governed_resource
from router.operations.store import Store
from router.operations.tables import table_not_found
from wire.catalog_changes import SetResourcePolicy
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError
from wire.tables import ResourcePolicy, TableSpec


class PutResourcePolicy:
    """Attach a policy, or put it in the place of another one."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        resource = governed_resource(body["ResourceArn"], self._store.home)
        document = canonical_policy(body["Policy"], STREAM_ACTIONS if resource.stream_label else TABLE_ACTIONS)
        _governed_table(self._store, resource)
        # The revision is the catalog's to give.
        policy = ResourcePolicy(document, "")
        return await _decided(self._store, self._clock, context, body, resource, policy)


class DeleteResourcePolicy:
    """Remove a policy; where there is none, that is well, too."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        resource = governed_resource(body["ResourceArn"], self._store.home)
        _governed_table(self._store, resource)
        return await _decided(self._store, self._clock, context, body, resource, None)


def get_resource_policy(store: Store, body: dict[str, Any]) -> dict[str, Any]:
    """Return what GetResourcePolicy answers."""
    resource = governed_resource(body["ResourceArn"], store.home)
    policy = _policy(_governed_table(store, resource), resource)
    if policy is None:
        arn = body["ResourceArn"]
        text = f"Resource-based policy not found for the provided ResourceArn: {arn}"
        raise StoreError(ErrorCode.POLICY_NOT_FOUND, text)
    return {"Policy": policy.document, "RevisionId": policy.revision_id}


async def _decided(
    store: Store,
    clock: Clock,
    context: RequestContext,
    body: dict[str, Any],
    resource: Resource,
    policy: ResourcePolicy | None,
) -> bytes:
    """Have the catalog decide, and tell the revision that was attached or removed, if any was."""
    change = SetResourcePolicy(
        name=resource.table,
        is_for_stream=bool(resource.stream_label),
        policy=policy,
        expected=body.get("ExpectedRevisionId", ""),
        now_ms=clock.wall_ms(),
    )
    decided = await store.change(change, deadline=context.deadline)
    assert decided.table is not None, f"the catalog changed a policy of {resource.table!r} and does not show it"
    shown = _policy(decided.table, resource)
    return NOTHING if shown is None else encoded({"RevisionId": shown.revision_id})


def _governed_table(store: Store, resource: Resource) -> TableSpec:
    table = store.view.tables.get(resource.table)
    if table is None:
        raise table_not_found(resource.table)
    label = resource.stream_label
    if label and (table.stream is None or table.stream.label != label):
        raise StoreError(
            ErrorCode.RESOURCE_NOT_FOUND,
            f"Requested resource not found: Stream: {label} not found for Table: {resource.table}",
        )
    return table


def _policy(table: TableSpec, resource: Resource) -> ResourcePolicy | None:
    return table.stream_policy if resource.stream_label else table.policy
