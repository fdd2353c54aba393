"""A cluster whose processes have networks of their own: packets between any two of them can be dropped."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from deploy.local.cluster import LocalCluster
from deploy.local.topology import REGION_NAMES, Layout, composed_cluster, router_name
from tests.support.cluster import RunningCluster
from tests.support.namespaces import Networks, networks
from wire.cluster import ClusterSpec, RegionEntry, Settings, dump_cluster

HTTP_PORT, GATEWAY_PORT, NODE_PORT = 8001, 8002, 8003


class NetworkedProcesses(LocalCluster):
    """Start each process inside its own network."""

    networks: Networks

    def start(self, name: str) -> bool:
        with self.networks.inside(name):
            return super().start(name)

    def start_all(self) -> list[str]:
        return [name for name in self.names() if self.start(name)]


class NetworkedCluster(RunningCluster):
    """A running cluster, and the networks of its processes."""

    def __init__(self, local: LocalCluster, networks: Networks) -> None:
        super().__init__(local)
        self.networks = networks

    def cut(self, one: str, other: str, *, back_only: bool = False, there_only: bool = False) -> None:
        """Drop all packets between two processes, or those of one direction."""
        if not back_only:
            self.networks.drop(one, other)
        if not there_only:
            self.networks.drop(other, one)


@contextmanager
def networked_cluster(
    folder: Path, *, nodes: int = 3, partitions: int = 6, **settings: Any
) -> Iterator[NetworkedCluster]:
    """Start a cluster of one region, wait until it serves, and take everything away at the end."""
    region = REGION_NAMES[0]
    layout = Layout(
        regions=(region,),
        nodes_per_region=nodes,
        settings=msgspec.structs.replace(Settings(), partitions=partitions, **settings),
    )
    spec = composed_cluster(str(uuid.uuid4()), layout, [HTTP_PORT], iter(range(GATEWAY_PORT, 9_000)))
    names = [*(node.id for node in spec.regions[0].nodes), router_name(region)]
    with networks(names) as found:
        (folder / "cluster.toml").write_text(dump_cluster(_addressed(spec, found)), encoding="utf-8")
        local = NetworkedProcesses.open(folder)
        assert isinstance(local, NetworkedProcesses), "a cluster is opened as what opens it"
        local.networks = found
        cluster = NetworkedCluster(local, found)
        try:
            local.start_all()
            cluster.wait_ready()
            yield cluster
        finally:
            for name in local.names():
                local.kill(name)


def _addressed(spec: ClusterSpec, networks: Networks) -> ClusterSpec:
    """Return the cluster with every process at the address of its network."""
    [region] = spec.regions
    router = networks.addresses[router_name(region.name)]
    nodes = tuple(
        msgspec.structs.replace(node, address=f"{networks.addresses[node.id]}:{NODE_PORT}") for node in region.nodes
    )
    entry: RegionEntry = msgspec.structs.replace(
        region, http=f"{router}:{HTTP_PORT}", gateway=f"{router}:{GATEWAY_PORT}", nodes=nodes
    )
    return msgspec.structs.replace(spec, regions=(entry,))
