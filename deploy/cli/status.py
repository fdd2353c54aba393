"""What a cluster looks like right now: gathered from the process table and every node, as one plain value.

The JSON form of `ClusterStatus` is a stable contract for scripts: members are only ever added.
"""

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from deploy.local.topology import router_name
from deploy.targets.target import ProcessView, Target
from wire.catalog import LinkState
from wire.cluster import ClusterSpec, Credential, NodeEntry, RegionEntry

if TYPE_CHECKING:
    from wire.v1 import admin_pb2

STARTING_SECONDS = 10.0  # a process this young that does not answer yet is starting, an older one is unreachable

ProcessState = Literal["ready", "starting", "stopping", "paused", "stopped", "unreachable"]


class NodeReport(msgspec.Struct, frozen=True):
    """One node. `pid` is null when it is stopped; `leads` are the partitions it leads and serves."""

    id: str
    zone: str
    address: str
    pid: int | None
    state: ProcessState
    leads: list[int]
    storage_bytes: int = 0
    metrics: str = ""  # the address of /metrics and /health
    conditions: list[str] = []  # what is wrong with it as a whole: storage-full, storage-failing, clock-refused
    replica_conditions: dict[str, list[int]] = {}  # what is wrong with which of its replicas, by condition


class RouterReport(msgspec.Struct, frozen=True):
    """A region's router: `state` is that of its HTTP endpoint, `gateway` whether other regions reach it; null where that cannot be told."""

    name: str
    pid: int | None
    state: ProcessState
    metrics: str = ""
    gateway: ProcessState | None = None


class RegionReport(msgspec.Struct, frozen=True):
    """One region. `leaderless` are partitions without a leader that serves."""

    name: str
    endpoint: str
    nodes: list[NodeReport]
    router: RouterReport
    leaderless: list[int]

    @property
    def is_ready(self) -> bool:
        """Whether the region serves every key, and other regions as far as can be told."""
        return not self.leaderless and self.router.state == "ready" and self.router.gateway in ("ready", None)


class LinkReport(msgspec.Struct, frozen=True):
    """The replication link from one region to another, summed over its partitions; lag is that of the slowest.

    `state` is up, delayed, paused, cut, down, or unknown while the source has no leader that could tell.
    """

    source: str
    destination: str
    state: str
    lag_seconds: float
    pending_records: int
    superseded: int = 0
    last_error: str = ""
    held: int = 0  # of the pending: held back by the destination, see `globetable link held`


class ClusterStatus(msgspec.Struct, frozen=True):
    """Everything `globetable status` shows. `data` is where the cluster is: its folder, or its Compose project."""

    credentials: Credential
    regions: list[RegionReport]
    links: list[LinkReport]
    data: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether every region serves every key."""
        return all(region.is_ready for region in self.regions)


async def gathered_status(cluster: Target) -> ClusterStatus:
    """Ask every node once, in parallel, and add it up."""
    from deploy.cli.asking import statuses  # gRPC is only imported by commands that use it

    views = cluster.views()
    regions = cluster.spec.regions
    awake = [node for region in regions for node in region.nodes if views[node.id].is_awake]
    answers, answering = await asyncio.gather(statuses(cluster, awake), _answering(cluster, views))
    return ClusterStatus(
        credentials=cluster.spec.credentials[0] if cluster.spec.credentials else Credential("", ""),
        regions=[_region_report(cluster, region, views, answers, answering) for region in regions],
        links=_link_reports(cluster.spec, answers),
        data=cluster.place,
    )


Answers: TypeAlias = "dict[str, admin_pb2.NodeStatus | None]"


class _Answering(msgspec.Struct, frozen=True):
    """The regions whose routers answer: HTTP, and other regions; None where gateways are not reached from here."""

    endpoints: set[str]
    gateways: set[str] | None


async def _answering(cluster: Target, views: dict[str, ProcessView]) -> _Answering:
    from deploy.cli.admin import endpoint_answers, listens

    awake = [region for region in cluster.spec.regions if views[router_name(region.name)].is_awake]
    gateways = awake if cluster.inside is None else []
    endpoints, listening = await asyncio.gather(
        asyncio.gather(*(endpoint_answers(cluster.endpoint(region.name)) for region in awake)),
        asyncio.gather(*(listens(region.gateway) for region in gateways)),
    )
    return _Answering(
        {region.name for region, is_answering in zip(awake, endpoints, strict=True) if is_answering},
        None
        if cluster.inside is not None
        else {region.name for region, is_heard in zip(gateways, listening, strict=True) if is_heard},
    )


def _region_report(
    cluster: Target, region: RegionEntry, views: dict[str, ProcessView], answers: Answers, answering: _Answering
) -> RegionReport:
    nodes = [_node_report(node, views[node.id], answers.get(node.id)) for node in region.nodes]
    led = {partition for node in nodes for partition in node.leads}
    partitions = range(cluster.spec.settings.partitions + 1)  # 0 is the catalog
    name, endpoint = router_name(region.name), cluster.endpoint(region.name)
    router = views[name]
    return RegionReport(
        name=region.name,
        endpoint=f"http://{endpoint}" if endpoint else "",
        nodes=nodes,
        router=RouterReport(
            name,
            router.pid,
            _state(router, "ready" if region.name in answering.endpoints else None),
            router.metrics,
            None
            if answering.gateways is None
            else _state(router, "ready" if region.name in answering.gateways else None),
        ),
        leaderless=[partition for partition in partitions if partition not in led],
    )


def _node_report(node: NodeEntry, view: ProcessView, answer: "admin_pb2.NodeStatus | None") -> NodeReport:
    leads = [each.partition for each in answer.partitions if each.ready] if answer is not None else []
    return NodeReport(
        id=node.id,
        zone=node.zone,
        address=node.address,
        pid=view.pid,
        state=_state(view, None if answer is None else answer.state),
        leads=sorted(leads),
        storage_bytes=answer.storage_bytes if answer is not None else 0,
        metrics=view.metrics,
        conditions=list(answer.conditions) if answer is not None else [],
        replica_conditions=_replica_conditions(answer) if answer is not None else {},
    )


def _replica_conditions(answer: "admin_pb2.NodeStatus") -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in answer.partitions:
        for condition in each.conditions:
            found.setdefault(condition, []).append(each.partition)
    return found


def _state(view: ProcessView, said: str | None) -> ProcessState:
    """Return the state of a process from what the machine sees and what it says itself; None = it does not answer."""
    if view.condition != "running":
        return view.condition
    if said is None:
        return "starting" if (view.age_seconds or 0.0) < STARTING_SECONDS else "unreachable"
    return "starting" if said == "starting" else "stopping" if said == "stopping" else "ready"


def _link_reports(spec: ClusterSpec, answers: Answers) -> list[LinkReport]:
    names = [region.name for region in spec.regions]
    return [
        _link_report(
            source,
            destination,
            _link_statuses(spec.region(source), destination, answers),
            is_known=_is_led(spec.region(source), answers),
        )
        for source in names
        for destination in names
        if source != destination
    ]


def _is_led(region: RegionEntry, answers: Answers) -> bool:
    # Leaders tell the state of their links; a region without any has nobody who knows it.
    known = [answer for node in region.nodes if (answer := answers.get(node.id)) is not None]
    return any(partition.ready for answer in known for partition in answer.partitions)


def _link_statuses(source: RegionEntry, destination: str, answers: Answers) -> "list[admin_pb2.LinkStatus]":
    return [
        link
        for node in source.nodes
        if (answer := answers.get(node.id)) is not None
        for link in answer.links
        if link.destination == destination
    ]


def _link_report(
    source: str, destination: str, statuses: "list[admin_pb2.LinkStatus]", *, is_known: bool
) -> LinkReport:
    return LinkReport(
        source=source,
        destination=destination,
        state=_worst_state([status.state for status in statuses]) if is_known else "unknown",
        lag_seconds=round(max((status.lag_seconds for status in statuses), default=0.0), 3),
        pending_records=sum(status.pending_records for status in statuses),
        superseded=sum(status.superseded for status in statuses),
        last_error=next((status.last_error for status in statuses if status.last_error), ""),
        held=sum(status.held_changes for status in statuses),
    )


def _worst_state(states: list[str]) -> str:
    order = [LinkState.CUT.value, LinkState.PAUSED.value, "down", LinkState.DELAYED.value, LinkState.UP.value]
    return next((state for state in order if state in states), LinkState.UP.value)
