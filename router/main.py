"""The processes of a router that serve: one wires the HTTP edge and the operations to the region's store, one the gateway.

Each has its own connections to the nodes, so that neither's load holds the other. `router.start` keeps them.
"""

import asyncio
import os
import random
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from router.expressions.syntax import prepare_parsers
from router.http.dispatcher import Dispatcher
from router.http.errors import body_of
from router.http.identity import UnverifiedClaims
from router.http.listening import ListenError
from router.http.messages import HttpRequest, HttpResponse
from router.http.server import HttpServer, HttpSettings
from router.http.sigv4 import SignatureVerifier
from router.http.traffic import Traffic
from router.nodes.channel import NodeChannel
from router.operations.model import ServiceModel
from router.operations.regions import NO_OTHER_REGIONS, Regions
from router.operations.registry import Surroundings, build_operations
from router.operations.validation import ValidationWording
from router.parent.child import Lifeline, inherited_http, inherited_line, inherited_metrics, tell_failure
from router.parent.core import CANNOT_START
from router.placement.store import RegionStore
from router.settings import Part, RouterSettings, parse_arguments
from wire.catalog import NodeSpec
from wire.clock import Clock, SystemClock
from wire.cluster import ClusterFileError, ClusterSpec, RegionEntry, listen_address, load_cluster
from wire.errors import ErrorCode, StoreError
from wire.garbage import rarely_collected, settled
from wire.grpc_tuning import tune_grpc
from wire.metrics_server import READY, MetricsServer
from wire.telemetry import EventLog, configure_logs

if TYPE_CHECKING:
    from router.metrics.collector import PartSources
    from router.nodes.client import NodeClient

# How long one that was replaced waits for the next request on connections that are idle; it closes them then.
DRAIN_SECONDS: Final = 5.0

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
        listens_when_ready: bool = False,
    ) -> None:
        self.store = _store(region, connect, clock, randomness)
        self._listens_when_ready = listens_when_ready
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
        """Listen, then find the catalog, or the other way round if another listens meanwhile; return when requests are served.

        Raises ListenError.
        """
        await self.store.start()
        try:
            if self._listens_when_ready:
                await self.store.wait_ready()
            await self._server.start()
            await self.store.wait_ready()
        except BaseException:
            await self.stop()
            raise
        self.is_ready = True

    async def drain(self, seconds_max: float) -> None:
        """Leave new connections to a successor, and end each of ours with its next answer."""
        await self._server.drain(seconds_max)

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


async def serve(settings: RouterSettings, line: socket.socket) -> None:
    """Serve one part of a router until its parent or a signal ends it. Raises ClusterFileError or ListenError when it cannot start."""
    cluster = load_cluster(settings.cluster)
    _configure_logs(settings, cluster)
    serving = _HttpPart if settings.part is Part.HTTP else _GatewayPart
    await _until_ended(serving(settings, cluster, Lifeline(line)))


class _PartOfRouter:
    """What the parts have in common: nodes, metrics, and the line to the parent."""

    def __init__(self, settings: RouterSettings, cluster: ClusterSpec, lifeline: Lifeline) -> None:
        self.settings = settings
        self.region = cluster.region(settings.region)
        self.lifeline = lifeline
        self.nodes: list[NodeClient] = []
        self.clock, self.randomness = SystemClock(), random.Random()
        self.metrics: MetricsServer | None = None

    def connect(self, node: NodeSpec) -> "NodeClient":
        """Return the channel to a node."""
        from router.nodes.client import NodeClient

        self.nodes.append(NodeClient(node.id, node.address, self.clock, self.randomness))
        return self.nodes[-1]

    def telling(self, sources: "PartSources") -> MetricsServer | None:
        """Return who answers /metrics and /health, if a port was asked for; each process has its own."""
        if self.settings.metrics is None:
            return None
        from router.metrics.collector import router_readings
        from router.metrics.declared import METRICS

        return MetricsServer(
            self.settings.metrics,
            metrics=METRICS,
            readings=lambda: router_readings(sources),
            state=sources.state,
            listener=inherited_metrics(),
        )

    def state(self, *, is_ready: bool) -> str:
        """Return what /health says: ready while requests are served and there is a node to serve them."""
        if self.lifeline.stopping.is_set() or self.lifeline.draining.is_set():
            return "stopping"
        if not is_ready:
            return "starting"
        return READY if any(node.is_up for node in self.nodes) else "no storage node can be reached"

    async def start(self) -> None:
        """Serve. Raises ListenError."""
        raise NotImplementedError

    async def wait_broken(self) -> None:
        """Return when it cannot go on; raise why."""
        raise NotImplementedError

    async def drain(self) -> None:
        """Leave what is new to a successor and finish the rest."""

    async def stop(self) -> None:
        """Finish what is in flight, and close."""
        raise NotImplementedError


class _HttpPart(_PartOfRouter):
    def __init__(self, settings: RouterSettings, cluster: ClusterSpec, lifeline: Lifeline) -> None:
        from router.gateway.client import GatewayClient

        super().__init__(settings, cluster, lifeline)
        host, _, port = listen_address(self.region.http, settings.listen).rpartition(":")
        others = {each.name: each.gateway for each in cluster.regions if each != self.region}
        self._router = Router(
            cluster=cluster,
            region=self.region,
            connect=self.connect,
            http=HttpSettings(host=host, port=int(port), listener=inherited_http()),
            clock=self.clock,
            randomness=self.randomness,
            regions=GatewayClient(self.region.name, others),
            listens_when_ready=settings.succeeds,
        )
        self.metrics = self._telling()

    def _telling(self) -> MetricsServer | None:
        from router.metrics.collector import RouterSources

        router = self._router
        return self.telling(
            RouterSources(
                region=self.region.name,
                process=f"{self.region.name}-router",
                state=lambda: self.state(is_ready=router.is_ready),
                catalog_version=lambda: router.store.view.version,
                nodes=lambda: self.nodes,
                traffic=router.traffic,
                connections=lambda: router.connections,
            )
        )

    async def start(self) -> None:
        await self._router.start()
        _log.info("router_ready", http=self.region.http)

    async def wait_broken(self) -> None:
        await self._router.store.wait_broken()

    async def drain(self) -> None:
        await self._router.drain(DRAIN_SECONDS)

    async def stop(self) -> None:
        await self._router.stop()


class _GatewayPart(_PartOfRouter):
    def __init__(self, settings: RouterSettings, cluster: ClusterSpec, lifeline: Lifeline) -> None:
        from router.gateway.receiver import Receiver
        from router.gateway.server import GatewayServer

        super().__init__(settings, cluster, lifeline)
        self._store = _store(self.region, self.connect, self.clock, self.randomness)
        self._receiver = Receiver(self._store, self.clock, timeout_ms=cluster.settings.request_timeout_ms)
        address = listen_address(self.region.gateway, settings.listen)
        self._server = GatewayServer(self._receiver, address, self.region.name)
        self._is_ready = False
        self.metrics = self._telling()

    def _telling(self) -> MetricsServer | None:
        from router.metrics.collector import GatewaySources

        return self.telling(
            GatewaySources(
                region=self.region.name,
                process=f"{self.region.name}-gateway",
                state=lambda: self.state(is_ready=self._is_ready),
                catalog_version=lambda: self._store.view.version,
                nodes=lambda: self.nodes,
                received=self._receiver.counts,
            )
        )

    async def start(self) -> None:
        await self._store.start()
        try:
            await self._server.start()
        except RuntimeError:
            raise ListenError(f"cannot listen on {self._server.address}: the port is in use") from None
        await self._store.wait_ready()
        self._is_ready = True
        _log.info("gateway_ready", gateway=self.region.gateway)

    async def wait_broken(self) -> None:
        await self._store.wait_broken()

    async def stop(self) -> None:
        await self._server.stop()
        await self._store.stop()


async def _until_ended(part: _PartOfRouter) -> None:
    """Start a part and run it until it is told to end, or breaks."""
    # One that serves already tells how the router is, until this one does.
    tells_early = part.metrics is not None and not part.settings.succeeds
    if part.metrics is not None and tells_early:
        await part.metrics.start()
    try:
        await _until_first([_run(part), part.lifeline.wait_told()])
        if part.lifeline.draining.is_set() and not part.lifeline.stopping.is_set():
            if part.metrics is not None:
                await part.metrics.stop()
            await _until_first([part.drain(), part.lifeline.stopping.wait()])
    finally:
        _log.info("router_stopping")
        await part.stop()
        if part.metrics is not None:
            await part.metrics.stop()


async def _run(part: _PartOfRouter) -> None:
    await part.start()
    settled()
    if part.metrics is not None and part.settings.succeeds:
        await part.metrics.start()
    part.lifeline.tell_ready()
    await part.wait_broken()


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


def _store(region: RegionEntry, connect: Connect, clock: Clock, randomness: random.Random) -> RegionStore:
    nodes = [node.spec() for node in region.nodes]
    return RegionStore(region=region.name, nodes=nodes, connect=connect, clock=clock, randomness=randomness)


def _configure_logs(settings: RouterSettings, cluster: ClusterSpec) -> None:
    fields = {"router": settings.region}
    if settings.part is Part.GATEWAY:
        fields["process"] = "gateway"
    elif settings.workers > 1:
        fields["worker"] = str(settings.worker)
    configure_logs(level=cluster.settings.log_level, as_json=settings.log_json, fields=fields)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a process of a router; return its exit status: 2 when it cannot start, and then its parent knows why."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    settings = parse_arguments(arguments)
    if settings.part is None:
        # Started by hand: the parent comes first, without all that this module has imported.
        os.execv(sys.executable, [sys.executable, "-m", "router.start", *arguments])
    line = inherited_line()
    rarely_collected()
    tune_grpc()
    import uvloop

    try:
        uvloop.run(serve(settings, line))
    except (ClusterFileError, ListenError) as error:
        tell_failure(line, str(error))
        return CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
