"""Reads the numbers of a router's processes, room by room. Called on the event loop, once per scrape."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from router.gateway.receiver import ReceiverCounts
from router.http.traffic import Traffic
from router.metrics import declared as m
from router.nodes.client import NodeClient
from wire.metrics import Reading
from wire.metrics_server import READY


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSources:
    """Where the numbers are that every part of a router has."""

    region: str
    process: str
    state: Callable[[], str]
    catalog_version: Callable[[], int]
    nodes: Callable[[], Iterable[NodeClient]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSources(PartSources):
    """Where the numbers of a process are that serves HTTP."""

    traffic: Traffic
    connections: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySources(PartSources):
    """Where a gateway's numbers are."""

    received: ReceiverCounts


def router_readings(sources: PartSources) -> Iterator[Reading]:
    """Yield every reading there is."""
    role = "gateway" if isinstance(sources, GatewaySources) else "router"
    yield Reading(m.INFO, 1, (sources.region, sources.process, role, ""))
    yield Reading(m.READY, sources.state() == READY)
    yield Reading(m.CATALOG_VERSION, sources.catalog_version())
    yield from _nodes(sources.nodes())
    if isinstance(sources, RouterSources):
        yield Reading(m.CONNECTIONS, sources.connections())
        yield from _traffic(sources.traffic)
    if isinstance(sources, GatewaySources):
        yield from _received(sources.region, sources.received)


def _traffic(traffic: Traffic) -> Iterator[Reading]:
    for each in traffic.seen():
        for code, number in each.answers.items():
            yield Reading(m.REQUESTS, number, (each.operation, code))
        for cause, number in each.causes.items():
            yield Reading(m.CAUSES, number, (each.operation, cause.value))
        yield Reading(m.REQUEST_SECONDS, each.seconds.read(), (each.operation,))


def _nodes(nodes: Iterable[NodeClient]) -> Iterator[Reading]:
    for each in nodes:
        node = (each.node,)
        yield Reading(m.NODE_UP, each.is_up, node)
        yield Reading(m.NODE_IN_FLIGHT, each.in_flight, node)
        yield Reading(m.NODE_QUEUED, each.queued, node)
        yield Reading(m.NODE_BREAKS, each.breaks, node)


def _received(destination: str, counts: ReceiverCounts) -> Iterator[Reading]:
    for (source, outcome), number in counts.changes.items():
        yield Reading(m.RECEIVED_CHANGES, number, (source, destination, outcome))
    yield Reading(m.RECEIVED_REFUSED, counts.refused, (destination,))
