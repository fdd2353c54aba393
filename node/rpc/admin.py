"""What operators, tools and tests may ask of a node."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc

from node.catalog.feed import CatalogFeed
from node.partition.access import NodeAccess, ReplicaAccess, ReplicaStatus, StoredItem
from node.partition.scrubber import Scrubber
from node.replication.reports import HeldReport
from node.rpc.held import held_answer
from node.storage.engine import EngineUsage
from wire.catalog import CATALOG_PARTITION, LinkState
from wire.commands import Ahead
from wire.errors import StoreError
from wire.v1 import admin_pb2, admin_pb2_grpc

DUMP_ITEMS_MAX: Final = 256
HELD_ITEMS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminParts:
    """Where the answers come from."""

    node_id: str
    region: str
    zone: str
    node: NodeAccess
    feed: CatalogFeed
    usage: Callable[[], EngineUsage]
    links: Callable[[], Sequence[admin_pb2.LinkStatus]]
    state: Callable[[], str]
    scrubber: Scrubber
    wait_fed: Callable[[str, str], Awaitable[Iterable[int]]]
    """Wait until a table's global index is fed from every partition led here; raises StoreError."""
    held: Callable[[str], Sequence[HeldReport]] = lambda _: ()
    """Tell which changes a region (empty = any) holds back."""
    release: Callable[[Ahead, str], int] = lambda *_: 0
    """Decide about them."""


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """Answer operators."""

    def __init__(self, parts: AdminParts) -> None:
        self._parts = parts

    async def Status(self, request: admin_pb2.StatusRequest, context: Any) -> admin_pb2.NodeStatus:
        """Tell what the node is doing."""
        parts = self._parts
        usage, links = parts.usage(), parts.links()
        return admin_pb2.NodeStatus(
            node=parts.node_id,
            region=parts.region,
            zone=parts.zone,
            state=parts.state(),
            catalog_version=parts.feed.view.version,
            partitions=[_partition_status(each) for each in parts.node.status()],
            links=[*links, *_idle_links(parts, {link.destination for link in links})],
            storage_bytes=usage.used_bytes,
            storage_map_bytes=usage.map_bytes,
            pid=os.getpid(),
            conditions=sorted(parts.node.conditions()),
        )

    async def Scrub(self, request: admin_pb2.ScrubRequest, context: Any) -> admin_pb2.ScrubAnswer:
        """Begin a scrub if so asked, and tell how far the present or last one has come."""
        scrubber = self._parts.scrubber
        if request.begin:
            scrubber.begin()
        found = scrubber.present
        return admin_pb2.ScrubAnswer(
            number=found.number,
            running=found.is_running,
            partitions=found.partitions,
            partitions_done=found.partitions_done,
            rows=found.rows,
            bytes=found.bytes,
            seconds=found.seconds,
            findings=[admin_pb2.ScrubFinding(partition=each.partition, text=each.text) for each in found.findings],
        )

    async def HandOver(self, request: admin_pb2.HandOverRequest, context: Any) -> admin_pb2.HandOverAnswer:
        """Hand every leadership over."""
        return admin_pb2.HandOverAnswer(remaining=await self._parts.node.hand_over(request.timeout_ms / 1000))

    async def AwaitIndex(self, request: admin_pb2.AwaitIndexRequest, context: Any) -> admin_pb2.AwaitIndexAnswer:
        """Wait until an index has everything that the partitions led here have applied by now."""
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                fed = await self._parts.wait_fed(request.table_name, request.index_name)
        except TimeoutError:
            return admin_pb2.AwaitIndexAnswer(failure="not all rows were acknowledged in time")
        except StoreError as error:
            return admin_pb2.AwaitIndexAnswer(failure=error.message)
        return admin_pb2.AwaitIndexAnswer(partitions=fed)

    async def ListHeld(self, request: admin_pb2.ListHeldRequest, context: Any) -> admin_pb2.ListHeldAnswer:
        """Tell which changes other regions hold back."""
        return held_answer(self._parts.held(request.destination), min(request.limit, HELD_ITEMS_MAX), self._parts.feed)

    async def ReleaseHeld(self, request: admin_pb2.ReleaseHeldRequest, context: Any) -> admin_pb2.ReleaseHeldAnswer:
        """Decide what becomes of them."""
        return admin_pb2.ReleaseHeldAnswer(released=self._parts.release(Ahead(request.ahead), request.destination))

    # The stubs know generators only; grpc.aio also takes a coroutine that writes.
    async def Dump(self, request: admin_pb2.DumpRequest, context: Any) -> None:  # type: ignore[override]
        """Send every item and tombstone of a table that this node holds."""
        table = self._parts.feed.view.tables.get(request.table_name)
        if table is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"table {request.table_name} is not in the catalog")
            return
        for partition, replica in sorted(self._parts.node.replicas().items()):
            if request.leaders_only and not replica.is_ready:
                continue
            for page in _pages(replica, table.number):
                items = [_dumped(partition, each) for each in page]
                await context.write(admin_pb2.DumpChunk(items=items))


def _idle_links(parts: AdminParts, used: Collection[str]) -> Iterator[admin_pb2.LinkStatus]:
    """Yield what was done to links over which nothing is shipped from here: the leader of the catalog knows it first."""
    if any(each.partition == CATALOG_PARTITION and each.is_ready for each in parts.node.status()):
        for link in parts.feed.view.links.values():
            if link.state is not LinkState.UP and link.destination not in used:
                yield admin_pb2.LinkStatus(destination=link.destination, state=link.state.value)


def _pages(replica: ReplicaAccess, table: int) -> Iterable[Sequence[StoredItem]]:
    after = None
    while page := replica.scan_records(table, after, DUMP_ITEMS_MAX):
        yield page
        after = page[-1].position


def _partition_status(status: ReplicaStatus) -> admin_pb2.PartitionStatus:
    return admin_pb2.PartitionStatus(
        partition=status.partition,
        term=status.term,
        role=status.role,
        leader=status.leader or "",
        commit=status.commit,
        applied=status.applied,
        first_index=status.first_index,
        last_index=status.last_index,
        ready=status.is_ready,
        conditions=sorted(status.conditions),
    )


def _dumped(partition: int, item: StoredItem) -> admin_pb2.DumpedItem:
    return admin_pb2.DumpedItem(
        partition=partition,
        partition_key=item.position.key.partition,
        sort_key=item.position.key.sort,
        time=item.version.time,
        region=item.version.region,
        tombstone=item.tombstone,
        body=item.body,
    )
