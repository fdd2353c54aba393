"""The process of a router that serves as its region's gateway: wires the receiver of other regions' changes to the region's store."""

from router.gateway.receiver import Receiver
from router.gateway.server import GatewayServer
from router.http.listening import ListenError
from router.parent.child import Lifeline
from router.part import PartOfRouter, region_store
from router.settings import RouterSettings
from wire.cluster import ClusterSpec, listen_address
from wire.metrics_server import MetricsServer
from wire.telemetry import EventLog

_log = EventLog(__name__)


class GatewayPart(PartOfRouter):
    """The gateway of a region."""

    def __init__(self, settings: RouterSettings, cluster: ClusterSpec, lifeline: Lifeline) -> None:
        super().__init__(settings, cluster, lifeline)
        self._store = region_store(
            cluster.home(self.region.name), self.region, self.connect, self.clock, self.randomness
        )
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
        """Serve. Raises ListenError."""
        await self._store.start()
        try:
            await self._server.start()
        except RuntimeError:
            raise ListenError(f"cannot listen on {self._server.address}: the port is in use") from None
        await self._store.wait_ready()
        self._is_ready = True
        _log.info("gateway_ready", gateway=self.region.gateway)

    async def wait_broken(self) -> None:
        """Return when the region cannot be followed any more."""
        await self._store.wait_broken()

    async def stop(self) -> None:
        """Finish what is in flight, and close."""
        await self._server.stop()
        await self._store.stop()
