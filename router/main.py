"""The router process: wires the HTTP edge, the operations, the store and the gateway of one region."""

import asyncio
import errno
import random
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from router.expressions.syntax import prepare_parsers
from router.http.dispatcher import Dispatcher
from router.http.errors import body_of
from router.http.identity import UnverifiedClaims
from router.http.messages import HttpRequest, HttpResponse
from router.http.server import HttpServer, HttpSettings, ListenError
from router.http.sigv4 import SignatureVerifier
from router.http.traffic import Traffic
from router.nodes.channel import NodeChannel
from router.operations.model import ServiceModel
from router.operations.regions import NO_OTHER_REGIONS, Regions
from router.operations.registry import Surroundings, build_operations
from router.operations.validation import ValidationWording
from router.placement.store import RegionStore
from router.settings import RouterSettings, parse_arguments
from router.workers import WorkerProcesses, wait_orphaned
from wire.catalog import NodeSpec
from wire.clock import Clock, SystemClock
from wire.cluster import ClusterFileError, ClusterSpec, RegionEntry, listen_address, load_cluster
from wire.errors import ErrorCode, StoreError
from wire.garbage import rarely_collected, settled
from wire.grpc_tuning import tune_grpc
from wire.metrics_server import READY, MetricsAddressError, MetricsServer
from wire.telemetry import EventLog, configure_logs

if TYPE_CHECKING:
    from router.gateway.server import GatewayServer
    from router.metrics.collector import RouterSources
    from router.nodes.client import NodeClient

_log = EventLog(__name__)

_NOT_READY = StoreError(ErrorCode.SERVICE_UNAVAILABLE, "No storage node of the region has answered yet.")

Connect = Callable[[NodeSpec], NodeChannel]


class Router:
    """One region's API. Requests that come before the catalog is known wait for it."""

    def __init__(
        self,
        *,
        cluster: ClusterSpec,
        region: RegionEntry,
        connect: Connect,
        http: HttpSettings,
        clock: Clock,
        randomness: random.Random,
        regions: Regions = NO_OTHER_REGIONS,
    ) -> None:
        self.store = RegionStore(
            region=region.name,
            nodes=[node.spec() for node in region.nodes],
            connect=connect,
            clock=clock,
            randomness=randomness,
        )
        self._dispatcher = _dispatcher(cluster, region, self.store, regions, clock, randomness)
        self._server = HttpServer(self._answer, http, gate=self._dispatcher)
        self._timeout_seconds = cluster.settings.request_timeout_ms / 1000
        self.is_ready = False

    @property
    def traffic(self) -> Traffic:
        """Return what was counted of requests."""
        return self._dispatcher.traffic

    @property
    def connections(self) -> int:
        """Return how many clients' connections there are."""
        return self._server.connections

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return self._server.port

    async def start(self) -> None:
        """Listen, then find the catalog; return when requests are served. Raises ListenError."""
        await self.store.start()
        try:
            await self._server.start()
            await self.store.wait_ready()
        except BaseException:
            await self.stop()
            raise
        self.is_ready = True

    async def stop(self) -> None:
        """Let requests in flight finish, then close everything; twice is once."""
        await self._server.stop()
        await self.store.stop()

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        if not self.is_ready:
            try:
                await asyncio.wait_for(self.store.wait_ready(), self._timeout_seconds)
            except TimeoutError:
                # Without a catalog every table would seem to be missing.
                return HttpResponse(503, body_of(_NOT_READY), {"content-type": "application/x-amz-json-1.0"})
        return await self._dispatcher(request)


def _dispatcher(
    cluster: ClusterSpec,
    region: RegionEntry,
    store: RegionStore,
    regions: Regions,
    clock: Clock,
    randomness: random.Random,
) -> Dispatcher:
    settings = cluster.settings
    prepare_parsers()
    surroundings = Surroundings(
        store=store,
        clock=clock,
        randomness=randomness,
        cluster_id=cluster.cluster_id,
        stream_retention_seconds=settings.stream_retention_seconds,
        regions=regions,
    )
    verifier = SignatureVerifier(
        credentials=cluster.secrets(), clock=clock, skew_seconds=settings.signature_skew_seconds
    )
    return Dispatcher(
        operations=build_operations(surroundings, ServiceModel.load(ValidationWording(settings.validation_wording))),
        authentication=verifier if settings.signatures else UnverifiedClaims(),
        clock=clock,
        randomness=randomness,
        local_region=region.name,
        timeout_ms=settings.request_timeout_ms,
    )


async def serve(settings: RouterSettings, arguments: Sequence[str]) -> None:
    """Run a router until a signal ends it. Raises ClusterFileError or ListenError when it cannot start."""
    from router.gateway.client import GatewayClient
    from router.gateway.receiver import Receiver
    from router.gateway.server import GatewayServer
    from router.metrics.collector import RouterSources
    from router.nodes.client import NodeClient

    cluster = load_cluster(settings.cluster)
    region = cluster.region(settings.region)
    _configure_logs(settings, cluster)
    clock, randomness = SystemClock(), random.Random()
    stopping = _stop_signal()
    host, _, port = listen_address(region.http, settings.listen).rpartition(":")
    if settings.worker == 0 and settings.workers > 1:
        _require_free(host, int(port))
    nodes: list[NodeClient] = []

    def connect(node: NodeSpec) -> NodeClient:
        nodes.append(NodeClient(node.id, node.address, clock, randomness))
        return nodes[-1]

    router = Router(
        cluster=cluster,
        region=region,
        connect=connect,
        http=HttpSettings(host=host, port=int(port), reuse_port=settings.workers > 1 or settings.worker > 0),
        clock=clock,
        randomness=randomness,
        regions=GatewayClient(region.name, {each.name: each.gateway for each in cluster.regions if each != region}),
    )
    receiver = Receiver(router.store, clock, timeout_ms=cluster.settings.request_timeout_ms)
    gateway = GatewayServer(receiver, listen_address(region.gateway, settings.listen), region.name)
    metrics = _metrics(
        settings,
        RouterSources(
            region=region.name,
            process=f"{region.name}-router",
            state=lambda: _state(router, nodes, stopping),
            catalog_version=lambda: router.store.view.version,
            traffic=router.traffic,
            connections=lambda: router.connections,
            nodes=lambda: nodes,
            received=receiver.counts,
        ),
    )
    if metrics is not None:
        await metrics.start()
    duties = [_start(router, gateway, settings, region), _wait_end(stopping, settings)]
    if settings.worker == 0 and settings.workers > 1:
        duties.append(WorkerProcesses(arguments, settings.workers - 1).run())
    try:
        await _until_first(duties)
    finally:
        _log.info("router_stopping")
        await gateway.stop()
        await router.stop()
        if metrics is not None:
            await metrics.stop()


def _metrics(settings: RouterSettings, sources: "RouterSources") -> MetricsServer | None:
    """Return who answers /metrics and /health, if a port was asked for; each worker has its own."""
    if settings.metrics is None:
        return None
    from router.metrics.collector import router_readings
    from router.metrics.declared import METRICS

    host, _, port = settings.metrics.rpartition(":")
    address = f"{host}:{int(port) + settings.worker}" if port.isdigit() and port != "0" else settings.metrics
    return MetricsServer(address, metrics=METRICS, readings=lambda: router_readings(sources), state=sources.state)


def _state(router: Router, nodes: "Sequence[NodeClient]", stopping: asyncio.Event) -> str:
    """Return what /health says: ready while requests are served and there is a node to serve them."""
    if stopping.is_set():
        return "stopping"
    if not router.is_ready:
        return "starting"
    return READY if any(node.is_up for node in nodes) else "no storage node can be reached"


async def _start(router: Router, gateway: "GatewayServer", settings: RouterSettings, region: RegionEntry) -> None:
    """Serve until something breaks. Raises ListenError."""
    if settings.worker == 0:
        try:
            await gateway.start()
        except RuntimeError:
            raise ListenError(f"cannot listen on {gateway.address}: the port is in use") from None
    await router.start()
    settled()
    _log.info("router_ready", http=region.http, gateway=region.gateway, worker=settings.worker)
    await router.store.wait_broken()


async def _wait_end(stopping: asyncio.Event, settings: RouterSettings) -> None:
    """Return when a signal says so, or when the first worker, which would have said so, is gone."""
    await _until_first([stopping.wait()] if settings.worker == 0 else [stopping.wait(), wait_orphaned()])


async def _until_first(duties: Sequence[Coroutine[Any, Any, object]]) -> None:
    """Run all until one ends, cancel the others, and raise what it raised."""
    tasks = [asyncio.ensure_future(duty) for duty in duties]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _configure_logs(settings: RouterSettings, cluster: ClusterSpec) -> None:
    fields = {"router": settings.region}
    if settings.workers > 1 or settings.worker:
        fields["worker"] = str(settings.worker)
    configure_logs(level=cluster.settings.log_level, as_json=settings.log_json, fields=fields)


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def _require_free(host: str, port: int) -> None:
    """Refuse a port in use: with SO_REUSEPORT the kernel would share it with whoever else does the same."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = "the port is in use" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
            raise ListenError(f"cannot listen on {host}:{port}: {why}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the process; return its exit status: 2 with one line on standard error when it cannot start."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    settings = parse_arguments(arguments)
    rarely_collected()
    tune_grpc()
    import uvloop

    try:
        uvloop.run(serve(settings, arguments))
    except (ClusterFileError, ListenError, MetricsAddressError) as error:
        print(f"router: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
