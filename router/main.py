"""The process of a router that serves HTTP: wires the edge and the operations to the region's store."""

import asyncio
import os
import random
import sys
from typing import Final

from router.expressions.syntax import prepare_parsers
from router.http.dispatcher import Dispatcher
from router.http.errors import body_of
from router.http.identity import UnverifiedClaims
from router.http.messages import HttpRequest, HttpResponse
from router.http.server import HttpServer, HttpSettings
from router.http.sigv4 import SignatureVerifier
from router.http.traffic import Traffic
from router.operations.model import ServiceModel
from router.operations.regions import NO_OTHER_REGIONS, Regions
from router.operations.registry import Surroundings, build_operations
from router.operations.wording import ValidationWording
from router.parent.child import Lifeline, inherited_http
from router.part import Connect, PartOfRouter, region_store
from router.placement.store import RegionStore
from router.settings import RouterSettings
from wire.clock import Clock
from wire.cluster import ClusterSpec, RegionEntry, listen_address
from wire.errors import ErrorCode, StoreError
from wire.metrics_server import MetricsServer
from wire.telemetry import EventLog

# How long one that was replaced waits for the next request on connections that are idle; it closes them then.
DRAIN_SECONDS: Final = 5.0

_log = EventLog(__name__)

_NOT_READY = StoreError(ErrorCode.SERVICE_UNAVAILABLE, "No storage node of the region has answered yet.")


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
        self.store = region_store(cluster.home(region.name), region, connect, clock, randomness)
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
                async with asyncio.timeout(self._timeout_seconds):
                    await self.store.wait_ready()
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


class HttpPart(PartOfRouter):
    """The region's API in a process of its own, or one of several."""

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
        """Serve. Raises ListenError."""
        await self._router.start()
        _log.info("router_ready", http=self.region.http)

    async def wait_broken(self) -> None:
        """Return when the region cannot be followed any more."""
        await self._router.store.wait_broken()

    async def drain(self) -> None:
        """Leave new connections to a successor; end each of ours with its next answer."""
        await self._router.drain(DRAIN_SECONDS)

    async def stop(self) -> None:
        """Finish what is in flight, and close."""
        await self._router.stop()


if __name__ == "__main__":
    # Started by hand: first comes the parent, without all that this module has imported.
    os.execv(sys.executable, [sys.executable, "-m", "router.start", *sys.argv[1:]])
