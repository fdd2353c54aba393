"""The node process: wires storage, partitions, the catalog, replication and the network of one node."""

import asyncio
import contextlib
import faulthandler
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from node.catalog.collector import TableCollector
from node.catalog.feed import CatalogFeed
from node.catalog.founding import found_catalog_to, founded_view
from node.catalog.machine import CatalogMachine
from node.catalog.placement import founding_delta
from node.catalog.rules import CatalogRules
from node.catalog.settling import TableSettler
from node.indexes.feeder import CatalogChanges, Partitions
from node.indexes.feeders import FeedersDriver
from node.joining.joiner import Joiner, JoinerParts, Region
from node.joining.replicas import ReplicasHere
from node.partition.expirer import Expirer
from node.partition.expiry import ExpiryClock
from node.partition.node_driver import RESERVE_BYTES, NodeDriver
from node.partition.parts import NodeParts
from node.partition.rebuilding import NobodyToAsk, PermitTransport
from node.partition.scrubber import Scrubber
from node.partition.settings import NodeSettings
from node.partition.transport import PeerTransport, SnapshotTransport
from node.replication.journal import ConflictJournal
from node.settings import ProcessSettings, parse_arguments
from node.storage.directory import Identity
from node.storage.disk_probe import DiskState, disk_of
from node.storage.engine import EngineUsage
from node.storage.errors import DamagedStorage, StorageError, StorageFailing
from node.storage.lmdb_engine import DATA_NAME, LmdbSpec
from node.storage.opening import CRASH_NAME, note_unusable, open_disk
from node.storage.writer import StorageWriter
from wire.catalog import CATALOG_PARTITION, NodeId
from wire.clock import Clock, process_clock
from wire.cluster import ClusterFileError, ClusterSpec, NodeEntry, RegionEntry, Settings, listen_address, load_cluster
from wire.conditions import Condition
from wire.garbage import rarely_collected, settled
from wire.grpc_tuning import tune_grpc
from wire.launch import Launch, launch_of, wait_disowned
from wire.metrics_server import READY, MetricsAddressError, MetricsServer
from wire.telemetry import EventLog, configure_logs

if TYPE_CHECKING:
    from node.clocks.exchange import ClockStamp
    from node.metrics.collector import NodeSources
    from node.replication.driver import ReplicationDriver
    from node.rpc.catalog_changes import CatalogProposer
    from node.rpc.exchange import ExchangeCounts
    from node.rpc.gateway_client import GrpcGateways
    from node.rpc.readiness import Readiness
    from node.rpc.server import RpcServer

HAND_OVER_SECONDS: Final = 2.0
# A node that has failed asks others to lead with its last messages; waiting for them to leave is worth no more than this.
LAST_WORDS_SECONDS: Final = 0.2
# Between looks at a disk that failed: longer after each failure of a process that was begun anew.
DISK_WAIT_SECONDS_MIN: Final = 1.0
DISK_WAIT_SECONDS_MAX: Final = 60.0
FAILURES_FORGOTTEN_SECONDS: Final = 600.0
# Not an exit status that anybody sees: the process replaces itself.
START_ANEW: Final = -1
FAILURES_VARIABLE: Final = "GLOBETABLE_DISK_FAILURES"
# The next leader goes over changes again that a cursor does not know of; waiting for it is worth no more than this.
CURSORS_SECONDS: Final = 0.5

_log = EventLog(__name__)


class StorageNode:
    """A node without its network edge: storage, catalog and partitions. The embedded region runs just this."""

    def __init__(
        self,
        *,
        cluster: ClusterSpec,
        region: RegionEntry,
        node: NodeEntry,
        data: Path,
        transport: PeerTransport,
        snapshots: SnapshotTransport,
        clock: Clock,
        permits: PermitTransport | None = None,
        randomness: random.Random,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        settings = cluster.settings
        self._region = region
        self._settings = settings
        self._clock = clock
        self._id = NodeId(node.id)
        self.feed = CatalogFeed()
        identity = Identity(cluster=cluster.cluster_id, region=region.name, node=node.id)
        self.can_rejoin = min(settings.replicas, len(region.nodes)) > 1
        spec = LmdbSpec(map_bytes=settings.map_bytes_initial, reserve_bytes=RESERVE_BYTES)
        self.engine, self.disk = open_disk(data, identity, spec, can_rejoin=self.can_rejoin)
        self.joiner: Joiner | None = None
        self._on_fatal = on_fatal
        self.writer = StorageWriter(self.engine, clock, self._writer_failed)
        self.journal = ConflictJournal(clock)
        founding = founding_delta(region, settings)
        self.feed.publish(founding)
        self.holds_catalog = self._id in self.feed.view.placements[CATALOG_PARTITION].nodes()
        rules = CatalogRules.of(cluster, region.name)
        parts = NodeParts(
            node=self._id,
            region_number=region.number,
            engine=self.engine,
            writer=self.writer,
            catalog=self.feed,
            catalog_machine=CatalogMachine(rules, self.feed.publish) if self.holds_catalog else None,
            transport=transport,
            snapshots=snapshots,
            clock=clock,
            random=randomness,
            on_fatal=on_fatal,
            has_peers=len(region.nodes) > 1,
            superseded=self.journal.superseded,
            lives=self.disk,
            permits=permits or NobodyToAsk(),
        )
        self.driver = NodeDriver(parts, _node_settings(settings))
        self._collector = TableCollector(self.engine, self.writer, lambda: self.feed.view)
        self.scrubber = Scrubber(
            replicas=self.driver.replicas,
            here=self.driver.hosted,
            engine=self.engine,
            writer=self.writer,
            catalog=self.feed,
            monotonic=clock.monotonic,
            damaged_storage=self._storage_damaged,
            permits=parts.permits,
            node=self._id,
            period_seconds=settings.scrub_seconds,
            bytes_per_second=settings.scrub_bytes_per_second,
        )
        self.indexes: FeedersDriver | None = None
        self.expirer: Expirer | None = None
        self._settler: TableSettler | None = None
        self._is_started = False

    def feed_indexes(self, partitions: Partitions, changes: CatalogChanges) -> FeedersDriver:
        """Bring changes to global indexes, over these ways to the region's partitions and its catalog; before `start`."""
        self.indexes = FeedersDriver(
            node=self.driver,
            catalog=self.feed,
            changes=changes,
            partitions=partitions,
            clock=self._clock,
            copied_at_once_max=self._settings.index_backfill_items_max,
            copied_per_second=self._settings.index_backfill_items_per_second,
        )
        return self.indexes

    def expire_items(self, changes: CatalogChanges) -> None:
        """Delete items when they expire, over this way to the region's catalog; before `run`."""
        settings = self._settings
        self.expirer = Expirer(
            node=self.driver,
            catalog=self.feed,
            changes=changes,
            due=ExpiryClock(self.driver.clock.wall_ms, self._region.number, settings.ttl_grace_seconds),
            sweep_seconds=settings.ttl_sweep_seconds,
        )

    def settle_tables(self, changes: CatalogChanges) -> None:
        """Finish tables that are made, changed or dropped by time, over this way to the region's catalog; before `run`."""
        self._settler = TableSettler(catalog=self.feed, changes=changes, clock=self.driver.clock)

    def joins(self, others: Region) -> Joiner:
        """Begin to write, and return the way into the region, over this way to its other nodes; before `start`."""
        self.writer.start()
        here = ReplicasHere(
            node=self._id,
            engine=self.engine,
            driver=self.driver,
            placements=founded_view(self.engine, self._region, self._settings, self._id).placements,
            found_catalog=lambda batch: found_catalog_to(batch, self._region, self._settings),
        )
        self.joiner = Joiner(
            JoinerParts(
                node=self._id,
                nodes=[NodeId(each.id) for each in self._region.nodes],
                disk=self.disk,
                region=others,
                replicas=here,
                write=self.writer.written,
            )
        )
        return self.joiner

    def start(self) -> None:
        """Open every replica and begin to take part. Raises StorageError when what is on disk cannot be used."""
        assert self.joiner is not None, "a node joins its region before it opens its replicas"
        self._is_started = True
        loop = asyncio.get_running_loop()

        def tell(error: DamagedStorage) -> None:
            loop.call_soon_threadsafe(self._storage_damaged, error)

        self.engine.on_damage = tell
        self.driver.start(founded_view(self.engine, self._region, self._settings, self._id).placements.values())
        self.feed.on_change(self.driver.catalog_changed)
        self.feed.on_change(self._collector.catalog_changed)
        if self.indexes is not None:
            self.driver.on_leadership(self.indexes.leadership_ready, self.indexes.leadership_lost)
            self.driver.on_changes(self.indexes.changes_applied)
            self.feed.on_change(self.indexes.catalog_changed)
        if self._settler is not None:
            self.driver.on_leadership(self._settler.leadership_ready, self._settler.leadership_lost)
            self.feed.on_change(self._settler.catalog_changed)

    def _storage_damaged(self, error: DamagedStorage) -> None:
        """Give the disk up where the region can give everything back; else go on with what can be read."""
        if self.can_rejoin:
            self.driver.abandon(error)

    async def run(self) -> None:
        """Do what has to be done beside requests, until cancelled."""
        assert self.joiner is not None, "the node was started"
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.joiner.run())
            tasks.create_task(self._collector.run())
            tasks.create_task(self.scrubber.run())
            if self.indexes is not None:
                tasks.create_task(self.indexes.run())
            if self.expirer is not None:
                tasks.create_task(self.expirer.run())
            if self._settler is not None:
                tasks.create_task(self._settler.run())

    async def hand_over(self, timeout_seconds: float) -> int:
        """Leave every partition to another node, knowing how far its indexes are fed; return how many are left."""
        if self.indexes is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CURSORS_SECONDS):
                    await self.indexes.store_cursors()
        return await self.driver.hand_over(timeout_seconds)

    def _writer_failed(self, error: BaseException) -> None:
        """Leave everything to the other nodes before anybody looks into it: nothing can be written here any more."""
        if self._is_started:
            self.driver.give_up()
        self._on_fatal(error)

    async def stop(self) -> None:
        """Answer what waits, write what is queued, close the disk; twice is once."""
        if self._is_started:
            await self.driver.stop()
        await self.writer.stop()
        self.engine.close()


def _node_settings(settings: Settings) -> NodeSettings:
    return NodeSettings(
        tick_ms=settings.tick_ms,
        heartbeat_ticks=settings.heartbeat_ticks,
        election_ticks=settings.election_ticks,
        lease_reads=settings.lease_reads,
        max_clock_skew_ms=settings.max_clock_skew_ms,
        log_entries_kept=settings.log_entries_kept,
        stream_retention_seconds=settings.stream_retention_seconds,
        ttl_grace_seconds=settings.ttl_grace_seconds,
        item_collection_bytes_max=settings.item_collection_bytes_max,
    )


class NodeProcess:
    """A node with its network edge, from the command line to the exit status."""

    def __init__(self, settings: ProcessSettings, cluster: ClusterSpec, failures: int, crash: TextIO) -> None:
        from node.rpc.peers import PeerConnections

        self._cluster = cluster
        self._data = settings.data
        self._failures = failures
        self._crash = crash
        self._region = cluster.region_of_node(settings.node)
        entry = self._region.node(settings.node)
        assert entry is not None, "the region was found by the node"
        self._entry = entry
        self._listen = listen_address(entry.address, settings.listen)
        self._clock = process_clock(entry.id)
        self._randomness = random.Random()
        self._state = "starting"
        self._waits_for_disk = False
        self._stopping = asyncio.Event()
        self._failure: BaseException | None = None
        self._peers = PeerConnections(
            NodeId(entry.id), self._address_of, self._randomness, self._life, self._clock_stamp
        )
        self._metrics_address = settings.metrics
        self._sources: NodeSources | None = None
        self._readiness: Readiness | None = None
        self._node = StorageNode(
            cluster=cluster,
            region=self._region,
            node=entry,
            data=settings.data,
            transport=self._peers,
            snapshots=self._peers,
            permits=self._peers,
            clock=self._clock,
            randomness=self._randomness,
            on_fatal=self._fail,
        )

    async def run(self) -> int:
        """Serve until a signal or a failure ends it; return the exit status. Raises ListenError or StorageError."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._node.stop)
            stack.push_async_callback(self._peers.stop)
            if (launch := launch_of(os.environ)) is not None:
                stack.push_async_callback(_ended, [asyncio.ensure_future(self._stop_when_disowned(launch))])
            await self._tell(stack)
            server = await self._serve(stack)
            if not await self._joined():
                await server.stop()
                return 0 if self._failure is None else 1
            tasks = self._background()
            stack.push_async_callback(_ended, tasks)
            settled()
            self._state = READY
            _log.info("node_ready", address=self._entry.address, pid=os.getpid())
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            await self._leave(server, tasks)
            if isinstance(self._failure, StorageFailing) and await self._disk_works_again(tasks):
                return START_ANEW
        if isinstance(self._failure, DamagedStorage) and self._node.can_rejoin:
            raise self._failure
        return 0 if self._failure is None else 1

    async def _stop_when_disowned(self, launch: Launch) -> None:
        await wait_disowned(launch)
        _log.warning("launch_disowned", table=str(launch.table))
        self._stopping.set()

    async def _tell(self, stack: AsyncExitStack) -> None:
        """Answer /health, and /metrics once there is anything to measure, if a port was asked for. Raises MetricsAddressError."""
        if self._metrics_address is None:
            return
        from node.metrics.collector import node_readings
        from node.metrics.declared import METRICS

        server = MetricsServer(
            self._metrics_address,
            metrics=METRICS,
            readings=lambda: () if self._sources is None else node_readings(self._sources),
            state=self._health,
        )
        stack.push_async_callback(server.stop)
        await server.start()

    async def _serve(self, stack: AsyncExitStack) -> "RpcServer":
        from node.rpc.admin import AdminParts, AdminService
        from node.rpc.asking import NodeClient
        from node.rpc.catalog import CatalogService
        from node.rpc.catalog_changes import CatalogProposer
        from node.rpc.deliveries import PeerService
        from node.rpc.exchange import StorageService
        from node.rpc.forwarding import Forwarder
        from node.rpc.gateway_client import GrpcGateways, link_statuses
        from node.rpc.introductions import GrpcRegion
        from node.rpc.partitions import PartitionClient
        from node.rpc.server import RpcServer
        from wire.v1 import admin_pb2_grpc, catalog_pb2_grpc, peer_pb2_grpc, storage_pb2_grpc

        node, region = self._node, self._region
        addresses = {each.name: each.gateway for each in self._cluster.regions if each.name != region.name}
        identity = NodeId(self._entry.id)
        nodes = NodeClient(identity, node.driver, self._address_of, self._clock)
        stack.push_async_callback(nodes.stop)
        proposer = CatalogProposer(nodes, node.feed, self._clock, self._randomness)
        node.expire_items(proposer)
        node.settle_tables(proposer)
        self._replication = _replication(
            self._cluster,
            region,
            node,
            proposer,
            GrpcGateways(region.name, addresses),
            node.driver.clock,
            self._randomness,
        )
        partitions = PartitionClient(nodes, node.feed, self._clock)
        admin = AdminParts(
            node_id=self._entry.id,
            region=region.name,
            zone=self._entry.zone,
            node=node.driver,
            feed=node.feed,
            usage=self._usage,
            links=lambda: link_statuses(self._replication.status()),
            state=lambda: self._state,
            scrubber=node.scrubber,
            wait_fed=node.feed_indexes(partitions, proposer).wait_fed,
            held=self._replication.held,
            release=self._replication.release,
        )
        server = RpcServer(self._listen, self._entry.id)
        forwarder = Forwarder(node.driver, nodes.carry)
        stack.push_async_callback(forwarder.stop)
        storage = StorageService(forwarder, node.feed, server.streams)
        addresses_here = {NodeId(each.id): each.address for each in region.nodes}
        peers = PeerService(node.driver, server.streams, node.joins(GrpcRegion(addresses_here)))
        catalog = CatalogService(node.feed, server.streams)
        stack.push_async_callback(server.stop)
        # The port first: a node that cannot be reached must not take part in elections.
        await server.start(
            lambda each: storage_pb2_grpc.add_StorageServiceServicer_to_server(storage, each),
            lambda each: peer_pb2_grpc.add_PeerServiceServicer_to_server(peers, each),
            lambda each: catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, each),
            lambda each: admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminService(admin), each),
        )
        self._sources = self._measured(storage.counts, lambda: forwarder.forwarded)
        return server

    async def _joined(self) -> bool:
        """Take part in the region as soon as that is allowed; False when the node has to stop before. Raises StorageError."""
        node = self._node
        assert node.joiner is not None, "the node listens"
        joining, stopping = asyncio.ensure_future(node.joiner.join()), asyncio.ensure_future(self._stopping.wait())
        await asyncio.wait([joining, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not joining.done():
            await _ended([joining])
            return False
        await _ended([stopping])
        joining.result()
        node.start()
        node.driver.on_leadership(self._replication.leadership_ready, self._replication.leadership_lost)
        node.driver.on_changes(self._replication.changes_applied)
        node.feed.on_change(self._replication.catalog_changed)
        return True

    def _health(self) -> str:
        """Return what /health says."""
        if self._waits_for_disk:
            return Condition.STORAGE_FAILING
        return self._state if self._readiness is None or self._state != READY else self._readiness.state()

    def _measured(self, exchange: "ExchangeCounts", forwarded: Callable[[], int]) -> "NodeSources":
        from node.metrics.collector import NodeSources

        node, replication, indexes, expirer = self._node, self._replication, self._node.indexes, self._node.expirer
        assert indexes is not None, "a node with a network edge feeds indexes"
        assert expirer is not None, "a node with a network edge expires items"
        return NodeSources(
            region=self._region.name,
            node=self._entry.id,
            zone=self._entry.zone,
            state=self._health,
            catalog_version=lambda: node.feed.view.version,
            clock_offset_seconds=lambda: node.driver.clock.offset_seconds,
            replicas=node.driver.status,
            conditions=node.driver.conditions,
            scrubs=lambda: (node.scrubber.passes, node.scrubber.bytes),
            counts=node.driver.counts,
            exchange=exchange,
            forwarded=forwarded,
            peers=self._peers.all,
            usage=self._usage,
            writer=node.writer.counts,
            writer_queued=lambda: node.writer.queued,
            links=replication.status,
            link_counts=replication.link_counts,
            superseded=lambda: node.journal.count,
            indexes=indexes.backlogs,
            expired=lambda: expirer.expired,
        )

    def _background(self) -> list[asyncio.Task[None]]:
        """Start what runs beside requests; none of it ends by itself."""
        from node.catalog.watcher import CatalogWatcher
        from node.rpc.catalog import GrpcCatalogClient
        from node.rpc.readiness import Readiness

        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._node.run()), loop.create_task(self._replication.run())]
        if self._metrics_address is not None:
            node = self._node
            self._readiness = Readiness(NodeId(self._entry.id), node.driver.status, node.feed, self._address_of)
            tasks.append(loop.create_task(self._readiness.run()))
        if not self._node.holds_catalog:
            others = [each.address for each in self._region.nodes if each.id != self._entry.id]
            watcher = CatalogWatcher(GrpcCatalogClient(), self._node.feed, others, self._randomness)
            tasks.append(loop.create_task(watcher.run()))
        return tasks

    async def _leave(self, server: "RpcServer", tasks: Sequence[asyncio.Task[None]]) -> None:
        """Hand leadership over before anything is closed, unless the node has failed."""
        self._state = "stopping"
        for task in tasks:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                self._fail(error)
        if self._failure is not None:
            await self._peers.flush(LAST_WORDS_SECONDS)
            return
        remaining = await self._node.hand_over(HAND_OVER_SECONDS)
        _log.info("node_stopping", leaderships_kept=remaining)
        await server.stop()

    async def _disk_works_again(self, tasks: Sequence[asyncio.Task[None]]) -> bool:
        """Take no part, say why, and wait for the disk; False when the process is to end first.

        Everything is closed meanwhile, so that the file system can be taken away and repaired. What goes on then is a new
        process: this one remembers things that the disk may not have.
        """
        self._waits_for_disk = True
        self._state = "starting"
        await _ended(tasks)
        await self._node.stop()
        faulthandler.enable()
        self._crash.close()
        self._stopping.clear()
        wait_seconds = min(DISK_WAIT_SECONDS_MIN * 2**self._failures, DISK_WAIT_SECONDS_MAX)
        known: DiskState = "failing"
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._stopping.wait()
            before, known = known, await asyncio.to_thread(disk_of, self._data / DATA_NAME)
            if known == "working" and not self._stopping.is_set():
                return True
            if known == "absent" and before != "absent":
                _log.warning("database_absent", waits="for its disk; restart the node if that is gone for good")
        return False

    def _fail(self, error: BaseException) -> None:
        """Note why the node cannot go on, once, and end it."""
        if self._failure is None:
            self._failure = error
            _log.error("node_failed", error=repr(error), exc_info=error)
        self._stopping.set()

    def _life(self) -> tuple[str, int]:
        return self._node.disk.disk, self._node.disk.life

    def _usage(self) -> EngineUsage:
        """Measure the engine; one that was closed because its disk fails has nothing to tell."""
        if self._waits_for_disk:
            return EngineUsage(used_bytes=0, map_bytes=0, disk_free_bytes=0)
        return self._node.engine.usage()

    def _clock_stamp(self, node: NodeId) -> "ClockStamp":
        return self._node.driver.clock_stamp(node)

    def _address_of(self, node: NodeId) -> str | None:
        known = self._node.feed.view.nodes.get(node)
        return None if known is None else known.address


def _replication(
    cluster: ClusterSpec,
    region: RegionEntry,
    node: StorageNode,
    proposer: "CatalogProposer",
    gateways: "GrpcGateways",
    clock: Clock,
    randomness: random.Random,
) -> "ReplicationDriver":
    from node.replication.driver import ReplicationDriver

    return ReplicationDriver(
        cluster=cluster,
        region=region.name,
        node=node.driver,
        catalog=node.feed,
        changes=proposer,
        gateways=gateways,
        clock=clock,
        randomness=randomness,
    )


async def _ended(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _run(settings: ProcessSettings, cluster: ClusterSpec, failures: int) -> int:
    with _crash_file(settings.data) as crash:
        faulthandler.enable(file=crash)
        process = NodeProcess(settings, cluster, failures, crash)
        # The data directory is this process's now, and what the last life has left there was read when it was opened.
        crash.truncate(0)
        try:
            return await process.run()
        except DamagedStorage as error:
            # The next life of this very process sets the file aside and asks the region for everything again.
            note_unusable(settings.data, str(error))
            print(f"node {settings.node}: {error}; the node begins anew", file=sys.stderr, flush=True)
            return START_ANEW
        finally:
            faulthandler.enable()


def _crash_file(data: Path) -> TextIO:
    """Open the file that a crash leaves its stack in. Raises StorageError."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        return (data / CRASH_NAME).open("a", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"data directory {data} cannot be used: {error.strerror or error}") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; return its exit status: 2 with one line on standard error when it cannot start."""
    settings = parse_arguments(arguments)
    rarely_collected()
    tune_grpc()
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    import uvloop

    from node.rpc.server import ListenError

    try:
        cluster = load_cluster(settings.cluster)
        cluster.region_of_node(settings.node)
        configure_logs(level=cluster.settings.log_level, as_json=settings.log_json, fields={"node": settings.node})
        failures = int(os.environ.get(FAILURES_VARIABLE, "0"))
        began = time.monotonic()
        status = uvloop.run(_run(settings, cluster, failures))
        if status == START_ANEW:
            lasted = time.monotonic() - began > FAILURES_FORGOTTEN_SECONDS
            os.environ[FAILURES_VARIABLE] = str(1 if lasted else failures + 1)
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
        return status
    except (ClusterFileError, ListenError, MetricsAddressError, StorageError) as error:
        print(f"node {settings.node}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
