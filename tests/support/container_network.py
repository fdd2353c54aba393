"""Loss and latency between regions of containers, from helper containers that share the network of those concerned."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from docker.models.containers import Container
from testcontainers.core.docker_client import DockerClient

from tests.support.cluster import eventually
from tests.support.container_cluster import ContainerCluster
from tests.support.container_image import ROOT

TOOLS_IMAGE = "globetable-netem:latest"
OFFICIAL_BASE = "python:3.11-slim-bookworm"
TOOLS = ("iproute2", "iptables")
NETEM = "netem"

ways_used: set[str] = set()  # for the summary of the test run: what the kernel made us use


class Impairment:
    """One region's way to another, impaired; `dropped` and `slowed` are packets, known once it is over."""

    def __init__(self, helpers: list[Container]) -> None:
        self._helpers = helpers
        self.dropped = 0
        self.slowed = 0

    def end(self) -> None:
        """Mend the network and count."""
        for helper in self._helpers:
            helper.kill("SIGTERM")
        for helper in self._helpers:
            assert helper.wait()["StatusCode"] == 0, helper.logs().decode()
            counted = json.loads(helper.logs().decode().splitlines()[-1])
            self.dropped += counted["dropped"]
            self.slowed += counted["slowed"]


def provide_tools() -> None:
    """Make the helpers' image unless it is here: from the official base where that is, else from Debian packages. May take minutes."""
    images = DockerClient().client.images
    if images.list(name=TOOLS_IMAGE):
        return
    if images.list(name=OFFICIAL_BASE):
        recipe = f"FROM {OFFICIAL_BASE}\nRUN apt-get update -qq && apt-get install -qqy --no-install-recommends {' '.join(TOOLS)}\n"
        subprocess.run(["docker", "build", "--tag", TOOLS_IMAGE, "-"], input=recipe, text=True, check=True)
    else:
        subprocess.run([ROOT / "scripts" / "make_base_image.sh", TOOLS_IMAGE, *TOOLS], check=True)


@contextmanager
def impaired(
    cluster: ContainerCluster, source: int, destination: int, *, loss_percent: int = 0, delay_ms: int = 0
) -> Iterator[Impairment]:
    """Impair what the nodes of one region send to another, and nothing else."""
    network = cluster.pair(source, destination)
    nodes = cluster.nodes(source)
    with ThreadPoolExecutor(len(nodes)) as pool:
        helpers = list(pool.map(lambda node: _helper(cluster, node, network, loss_percent, delay_ms), nodes))
    try:
        ways_used.update(_way(helper) for helper in helpers)
        impairment = Impairment(helpers)
        yield impairment
        impairment.end()
    finally:
        for helper in helpers:
            helper.remove(force=True)


def _helper(cluster: ContainerCluster, node: str, network: str, loss_percent: int, delay_ms: int) -> Container:
    concerned = cluster.container(node)
    address = concerned.attrs["NetworkSettings"]["Networks"][network]["IPAddress"]
    script = (Path(__file__).parent / "container_impairment.py").read_text()
    return cluster.engine.containers.run(
        TOOLS_IMAGE,
        ["python3", "-c", script, address, str(loss_percent), str(delay_ms)],
        name=f"{cluster.project}-impairs-{node}",
        labels={"com.docker.compose.project": cluster.project},
        network_mode=f"container:{concerned.id}",
        cap_add=["NET_ADMIN"],
        detach=True,
    )


def _way(helper: Container) -> str:
    def said() -> list[str]:
        helper.reload()
        lines = helper.logs().decode().splitlines()
        assert helper.status != "exited", f"{helper.name}: {lines}"
        return lines

    return str(json.loads(eventually(said, f"{helper.name} at work")[0])["by"])
