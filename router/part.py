"""A process of a router that serves one part of it: what the parts have in common, from the line to their parent to their end.

Refuses to know what is served. Each part has its own connections to the nodes, so that none's load holds another.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from router.nodes.channel import NodeChannel
from router.parent.child import Lifeline, inherited_metrics
from router.placement.store import RegionStore
from router.settings import RouterSettings
from wire.catalog import NodeSpec
from wire.clock import Clock, SystemClock
from wire.cluster import ClusterSpec, Home, RegionEntry
from wire.garbage import settled
from wire.metrics_server import READY, MetricsServer
from wire.telemetry import EventLog

if TYPE_CHECKING:
    from router.metrics.collector import PartSources
    from router.nodes.client import NodeClient

_log = EventLog(__name__)

Connect = Callable[[NodeSpec], NodeChannel]


class PartOfRouter:
    """What parts have in common: nodes, metrics, and the line to the parent."""

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


async def run_part(part: PartOfRouter) -> None:
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


async def _run(part: PartOfRouter) -> None:
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


def region_store(
    home: Home, region: RegionEntry, connect: Connect, clock: Clock, randomness: random.Random
) -> RegionStore:
    """Return the way to a region's nodes."""
    nodes = [node.spec() for node in region.nodes]
    return RegionStore(home=home, nodes=nodes, connect=connect, clock=clock, randomness=randomness)
