"""What a cluster looks like right now: gathered from the process table and every node, as one plain value.

The JSON form of `ClusterStatus` is a stable contract for scripts: members are only ever added.
"""

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from deploy.local.cluster import LocalCluster
from deploy.local.topology import router_name
from wire.catalog import LinkState
from wire.cluster import Credential, NodeEntry, RegionEntry

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


class RouterReport(msgspec.Struct, frozen=True):
    """A region's router."""

    name: str
    pid: int | None
    state: ProcessState


class RegionReport(msgspec.Struct, frozen=True):
    """One region. `leaderless` are partitions without a leader that serves."""

    name: str
    endpoint: str
    nodes: list[NodeReport]
    router: RouterReport
    leaderless: list[int]

    @property
    def is_ready(self) -> bool:
        """Whether the region serves every key."""
        return not self.leaderless and self.router.state == "ready"


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


class ClusterStatus(msgspec.Struct, frozen=True):
    """Everything `globetable status` shows."""

    credentials: Credential
    regions: list[RegionReport]
    links: list[LinkReport]
    data: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether every region serves every key."""
        return all(region.is_ready for region in self.regions)


async def gathered_status(cluster: LocalCluster) -> ClusterStatus:
    """Ask every node once, in parallel, and add it up."""
    awake = [node for node in cluster.nodes() if _is_awake(cluster, node.id)]
    from deploy.cli.admin import node_statuses  # gRPC is only imported by commands that use it

    answers, endpoints = await asyncio.gather(node_statuses(awake), _answering(cluster))
    return ClusterStatus(
        credentials=cluster.spec.credentials[0] if cluster.spec.credentials else Credential("", ""),
        regions=[_region_report(cluster, region, answers, endpoints) for region in cluster.spec.regions],
        links=_link_reports(cluster, answers),
        data=str(cluster.folder),
    )


Answers: TypeAlias = "dict[str, admin_pb2.NodeStatus | None]"


def _is_awake(cluster: LocalCluster, name: str) -> bool:
    return cluster.processes.running(name) is not None and not cluster.processes.is_paused(name)


async def _answering(cluster: LocalCluster) -> set[str]:
    from deploy.cli.admin import endpoint_answers

    regions = [region for region in cluster.spec.regions if _is_awake(cluster, router_name(region.name))]
    answers = await asyncio.gather(*(endpoint_answers(region.http) for region in regions))
    return {region.name for region, is_answering in zip(regions, answers, strict=True) if is_answering}


def _region_report(cluster: LocalCluster, region: RegionEntry, answers: Answers, endpoints: set[str]) -> RegionReport:
    nodes = [_node_report(cluster, node, answers.get(node.id)) for node in region.nodes]
    led = {partition for node in nodes for partition in node.leads}
    partitions = range(cluster.spec.settings.partitions + 1)  # 0 is the catalog
    return RegionReport(
        name=region.name,
        endpoint=f"http://{region.http}",
        nodes=nodes,
        router=_router_report(cluster, region.name, region.name in endpoints),
        leaderless=[partition for partition in partitions if partition not in led],
    )


def _node_report(cluster: LocalCluster, node: NodeEntry, answer: "admin_pb2.NodeStatus | None") -> NodeReport:
    process = cluster.processes.running(node.id)
    leads = [each.partition for each in answer.partitions if each.ready] if answer is not None else []
    return NodeReport(
        id=node.id,
        zone=node.zone,
        address=node.address,
        pid=None if process is None else process.pid,
        state=_node_state(cluster, node.id, answer),
        leads=sorted(leads),
        storage_bytes=answer.storage_bytes if answer is not None else 0,
    )


def _node_state(cluster: LocalCluster, name: str, answer: "admin_pb2.NodeStatus | None") -> ProcessState:
    if cluster.processes.running(name) is None:
        return "stopped"
    if cluster.processes.is_paused(name):
        return "paused"
    if answer is None:
        return _silent_state(cluster, name)
    return "starting" if answer.state == "starting" else "stopping" if answer.state == "stopping" else "ready"


def _router_report(cluster: LocalCluster, region: str, is_answering: bool) -> RouterReport:
    name = router_name(region)
    process = cluster.processes.running(name)
    if process is None:
        return RouterReport(name, None, "stopped")
    if cluster.processes.is_paused(name):
        return RouterReport(name, process.pid, "paused")
    return RouterReport(name, process.pid, "ready" if is_answering else _silent_state(cluster, name))


def _silent_state(cluster: LocalCluster, name: str) -> ProcessState:
    age = cluster.processes.age_seconds(name)
    return "stopped" if age is None else "starting" if age < STARTING_SECONDS else "unreachable"


def _link_reports(cluster: LocalCluster, answers: Answers) -> list[LinkReport]:
    names = [region.name for region in cluster.spec.regions]
    return [
        _link_report(
            source,
            destination,
            _link_statuses(cluster.spec.region(source), destination, answers),
            is_known=_is_led(cluster.spec.region(source), answers),
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
    )


def _worst_state(states: list[str]) -> str:
    order = [LinkState.CUT.value, LinkState.PAUSED.value, "down", LinkState.DELAYED.value, LinkState.UP.value]
    return next((state for state in order if state in states), LinkState.UP.value)
