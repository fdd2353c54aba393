"""One region in one process: a storage node and its router on one event loop, joined by a channel in memory.

The one composition root that may import both `node` and `router`. The same code as in a cluster, with real storage on disk; only the
network between router and node, and the peers, are missing. Signatures are off, so it listens on loopback only.
"""

import asyncio
import itertools
import random
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from deploy.local.errors import LocalClusterError
from deploy.local.topology import account_id
from wire.catalog import Delta, NodeId, PartitionId
from wire.clock import Clock, SystemClock
from wire.cluster import ClusterSpec, ControlPlane, NodeEntry, RegionEntry, Settings, WordingOfErrors
from wire.commands import Command, Outcome, Request
from wire.telemetry import configure_logs

if TYPE_CHECKING:
    from node.consensus.types import Message
    from node.joining.introductions import Answer, Founding, Introduction
    from node.main import StorageNode
    from router.main import Router

HOST: Final = "127.0.0.1"
PARTITIONS: Final = 4
# Everything that is kept on disk belongs to this cluster, so that a folder can be used again.
CLUSTER_ID: Final = "00000000-0000-4000-8000-000000000001"
_UNUSED_ADDRESS: Final = f"{HOST}:1"


class EmbeddedRegion:
    """A region of one node. `async with` starts and stops it; `url` is its endpoint meanwhile."""

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        region: str = "us-east-1",
        control_plane: ControlPlane = "instant",
        validation_wording: WordingOfErrors = "current",
        account: str = Settings().account_id,
    ) -> None:
        self._data = data
        self._port = port
        self._cluster = embedded_cluster(region, control_plane, validation_wording, account)
        self._failed: asyncio.Future[BaseException] | None = None
        self._stack = AsyncExitStack()
        self._router: Router | None = None

    @property
    def url(self) -> str:
        """Return the endpoint."""
        assert self._router is not None, "the region is not running"
        return f"http://{HOST}:{self._router.port}"

    async def start(self) -> None:
        """Open the data, listen, and return when requests are served. Raises LocalClusterError."""
        # What the two import takes longer than what they do at start, so it is paid here and not by `globetable --help`.
        from node.storage.errors import StorageError
        from router.http.listening import ListenError

        try:
            await self._start()
        except (StorageError, ListenError) as error:
            await self.stop()
            raise LocalClusterError(str(error)) from error
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Finish requests, write everything, close; twice is once."""
        stack, self._stack = self._stack, AsyncExitStack()
        await stack.aclose()

    async def wait_failed(self) -> BaseException:
        """Return what went wrong for good, if anything ever does."""
        assert self._failed is not None, "the region is not running"
        return await asyncio.shield(self._failed)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start(self) -> None:
        from node.indexes.here import PartitionsHere

        self._failed = asyncio.get_running_loop().create_future()
        clock, randomness = SystemClock(), random.Random()
        node = self._node(clock, randomness)
        self._stack.push_async_callback(node.stop)
        here = PartitionsHere(node.driver, node.feed)
        node.feed_indexes(here, here)
        node.expire_items(here)
        node.settle_tables(here)
        await node.joins(Alone()).join()
        node.start()
        running = asyncio.ensure_future(node.run())
        self._stack.push_async_callback(_ended, running)
        self._router = self._routed(node, clock, randomness)
        self._stack.push_async_callback(self._router.stop)
        await self._router.start()

    def _node(self, clock: Clock, randomness: random.Random) -> "StorageNode":
        from node.main import StorageNode

        region = self._cluster.regions[0]
        return StorageNode(
            cluster=self._cluster,
            region=region,
            node=region.nodes[0],
            data=self._folder(),
            transport=NoPeers(),
            snapshots=NoPeers(),
            clock=clock,
            randomness=randomness,
            on_fatal=self._fail,
        )

    def _routed(self, node: "StorageNode", clock: Clock, randomness: random.Random) -> "Router":
        from router.http.server import HttpSettings
        from router.main import Router

        channel = InProcessChannel(node, clock)
        return Router(
            cluster=self._cluster,
            region=self._cluster.regions[0],
            connect=lambda _: channel,
            http=HttpSettings(host=HOST, port=self._port),
            clock=clock,
            randomness=randomness,
        )

    def _folder(self) -> Path:
        if self._data is not None:
            return self._data / "nodes" / self._cluster.regions[0].nodes[0].id
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="globetable-")))

    def _fail(self, error: BaseException) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(error)


class InProcessChannel:
    """Satisfy `router.nodes.channel.NodeChannel` for a node in this process: no bytes, no waiting beyond the node's own."""

    def __init__(self, node: "StorageNode", clock: Clock) -> None:
        self._node = node
        self._clock = clock
        self._ids = itertools.count(1)

    @property
    def is_sound(self) -> bool:
        """Nothing is between here and there."""
        return True

    def send(
        self,
        partition: PartitionId,
        epoch: int,
        command: Command,
        *,
        catalog_version: int,
        deadline: float,
        forward_to: str = "",
    ) -> asyncio.Future[Outcome]:
        """Hand a command to the node; the catalog is the same one."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        timeout_ms = max(1, int((deadline - self._clock.monotonic()) * 1000))

        def done(_: int, outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self._node.driver.submit(Request(next(self._ids), partition, epoch, timeout_ms, command), done)
        return future

    async def watch(self, known_version: int) -> AsyncIterator[Delta]:
        """Yield what the node learns."""
        version = known_version
        while True:
            for delta in self._node.feed.since(version):
                yield delta
                version = delta.version
            await self._node.feed.wait_beyond(version)

    async def run(self) -> None:
        """Do nothing until cancelled: there is no connection to keep."""
        await asyncio.Event().wait()


class Alone:
    """Satisfy `node.joining.joiner.Region` where the node is its region."""

    async def introduce(self, node: NodeId, introduction: "Introduction") -> "Answer | None":
        """Refuse: there is nobody."""
        raise AssertionError(f"a region of one node has no peer {node}")

    async def propose(self, node: NodeId, founding: "Founding") -> bool:
        """Refuse, likewise."""
        raise AssertionError(f"a region of one node has no peer {node}")


class NoPeers:
    """Satisfy both transports where there is nobody to send to."""

    def send(self, node: NodeId, partition: PartitionId, message: "Message") -> None:
        """Refuse: a group of one sends nothing."""
        raise AssertionError(f"a region of one node has no peer {node}")

    async def send_snapshot(
        self, node: NodeId, partition: PartitionId, message: "Message", chunks: AsyncIterator[bytes]
    ) -> None:
        """Refuse, likewise."""
        raise AssertionError(f"a region of one node has no peer {node}")


def embedded_cluster(
    region: str,
    control_plane: ControlPlane = "instant",
    validation_wording: WordingOfErrors = "current",
    account: str = Settings().account_id,
) -> ClusterSpec:
    """Return the cluster of one region with one node; nothing listens at its addresses. Raises ValueError."""
    node = NodeEntry(f"{region}-1", "zone-1", _UNUSED_ADDRESS)
    entry = RegionEntry(region, 1, _UNUSED_ADDRESS, _UNUSED_ADDRESS, (node,))
    settings = Settings(
        partitions=PARTITIONS,
        replicas=1,
        signatures=False,
        replica_source_hold_seconds=0,
        control_plane=control_plane,
        validation_wording=validation_wording,
        account_id=account_id(account),
    )
    return ClusterSpec(CLUSTER_ID, (entry,), settings=settings)


async def run_embedded(
    *,
    port: int,
    data: Path | None,
    region: str,
    control_plane: ControlPlane,
    validation_wording: WordingOfErrors,
    account: str,
) -> None:
    """Run a region until SIGINT, SIGTERM or the end of the terminal. Raises LocalClusterError when it cannot start or go on."""
    configure_logs(level="warning", output=sys.stderr)
    stopping = asyncio.Event()
    heeded = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in (each for each in heeded if signal.getsignal(each) is not signal.SIG_IGN):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with EmbeddedRegion(
        data,
        port=port,
        region=region,
        control_plane=control_plane,
        validation_wording=validation_wording,
        account=account,
    ) as embedded:
        print(
            f"{region} is ready at {embedded.url}; data in {data or 'a temporary folder'}; Ctrl-C ends it", flush=True
        )
        failing = asyncio.ensure_future(embedded.wait_failed())
        stopped = asyncio.ensure_future(stopping.wait())
        await asyncio.wait([failing, stopped], return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            raise LocalClusterError(f"the region cannot go on: {failing.result()}")
        for each in (failing, stopped):
            each.cancel()


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
