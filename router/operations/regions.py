"""The other regions, as far as an operation has to ask one before it begins what both take part in.

Knows which questions there are, and what it means that nobody answers; refuses to know how a region is reached.
"""

from collections.abc import Collection
from typing import Final, Protocol

from router.operations.store import Store
from wire.catalog import LinkState
from wire.catalog_changes import AddReplica, CatalogChange, CheckReplica, RemoveReplica
from wire.errors import ErrorCode, StoreError
from wire.tables import ReplicaStatus, TableSpec, TableStatus

# How long a client waits for the answer of a region that may be gone.
ASK_SECONDS: Final = 3.0

_REFUSALS: Final = frozenset(
    {ErrorCode.VALIDATION, ErrorCode.LIMIT_EXCEEDED, ErrorCode.RESOURCE_IN_USE, ErrorCode.ACCESS_DENIED}
)


class RegionUnreachableError(Exception):
    """A region does not answer, or cannot say now what it thinks; the message says how."""


class Regions(Protocol):
    """The other regions of the cluster."""

    @property
    def names(self) -> Collection[str]:
        """Return their names."""
        ...

    async def ask(self, region: str, change: CatalogChange, *, timeout_seconds: float) -> None:
        """Have a region's catalog decide a change. Raises StoreError when it refused, RegionUnreachableError when there is no answer."""
        ...


class _NoOtherRegions:
    """Satisfy `Regions` where there are none."""

    @property
    def names(self) -> Collection[str]:
        """Return no names."""
        return ()

    async def ask(self, region: str, change: CatalogChange, *, timeout_seconds: float) -> None:
        """Raise RegionUnreachableError."""
        raise RegionUnreachableError(f"there is no region {region}")


NO_OTHER_REGIONS: Final[Regions] = _NoOtherRegions()


async def require_agreed(store: Store, regions: Regions, change: AddReplica | RemoveReplica) -> None:
    """Refuse at once what the other region would refuse later, when the client has long been told that it was accepted.

    Where that region does not answer, a replica cannot be added, for the table would be held up by a region that is perhaps lost; but it
    can be removed: that is what one does about a lost region. Whatever this region's own catalog refuses is left to it.
    """
    table = store.view.tables.get(change.name)
    if table is None or not _is_asked(table, change, regions):
        return
    check = CheckReplica(
        name=change.name, global_table_id=table.global_table_id, is_added=isinstance(change, AddReplica)
    )
    try:
        await _ask(store, regions, change.region, check)
    except RegionUnreachableError as error:
        if isinstance(change, AddReplica):
            text = f"Failed to access the region: \u2018{change.region}\u2019. {error}"
            raise StoreError(ErrorCode.INTERNAL, text) from None


def _is_asked(table: TableSpec, change: AddReplica | RemoveReplica, regions: Regions) -> bool:
    if change.region not in regions.names or table.status is not TableStatus.ACTIVE:
        return False
    replica = table.replica(change.region)
    is_there = replica is not None and replica.status is not ReplicaStatus.CREATION_FAILED
    return is_there is isinstance(change, RemoveReplica)


async def _ask(store: Store, regions: Regions, region: str, check: CheckReplica) -> None:
    if store.view.link(region).state is LinkState.CUT:
        raise RegionUnreachableError("The link to it is cut.")
    try:
        await regions.ask(region, check, timeout_seconds=ASK_SECONDS)
    except StoreError as error:
        if error.code in _REFUSALS:
            raise
        # A region of an earlier version does not know the question: it answers when it is told what to do.
        if error.code is not ErrorCode.SERIALIZATION:
            raise RegionUnreachableError(error.message) from error
