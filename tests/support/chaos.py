"""A nemesis for clusters of real processes: nodes killed, frozen and wiped, disks filled, clocks set, links and routers broken.

In each region at most one node is in trouble at a time, as a cluster of three promises to bear; regions are broken at the same time
and apart from one another. What is drawn depends on the seed alone, when it strikes also on the machine.
"""

import random
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from deploy.cli.admin import ControlRefused
from deploy.local.topology import router_name
from tests.support.cluster import RunningCluster, eventually
from tests.support.small_disks import fill
from wire.catalog import LinkState

WELL_SECONDS_MAX = 90.0
"""Time in which a region with one node in trouble, and then with none, has to be well again by itself."""
SECOND_WIPES_MAX = 2


def wipe(folder: Path) -> None:
    """Delete everything below a folder."""
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


class NodeNemesis:
    """What befalls the nodes of one region, one at a time, each time until the region is well again."""

    def __init__(self, cluster: RunningCluster, region: int, seed: int, stopping: threading.Event) -> None:
        self._cluster = cluster
        self._region = region
        self._random = random.Random(seed)
        self._stopping = stopping
        self.struck: list[str] = []

    def run(self) -> None:
        """Strike until told to stop; every fault is mended before this returns."""
        faults: list[Callable[[str], None]] = [self._kill, self._freeze, self._wipe, self._fill, self._set_clock]
        while not self._stopping.is_set():
            fault = self._random.choice(faults)
            node = self._random.choice([each.id for each in self._cluster.regions[self._region].nodes])
            self.struck.append(f"{fault.__name__.strip('_')} {node}")
            fault(node)
            self._await_well()

    def _kill(self, node: str) -> None:
        self._cluster.local.kill(node)
        self._pause(4.0)
        self._cluster.local.start(node)

    def _freeze(self, node: str) -> None:
        self._cluster.local.pause(node)
        self._pause(4.0)
        self._cluster.local.resume(node)

    def _wipe(self, node: str) -> None:
        """Take a node's disk away, and kill it again, or wipe it once more, while it comes back."""
        self._cluster.local.kill(node)
        wipe(self._data(node))
        self._cluster.local.start(node)
        for _ in range(self._random.randint(0, SECOND_WIPES_MAX)):
            self._pause(1.5)
            self._cluster.local.kill(node)
            if self._random.random() < 0.3:
                wipe(self._data(node))
            self._cluster.local.start(node)

    def _fill(self, node: str) -> None:
        ballast = self._data(node) / "ballast"
        fill(ballast)
        self._pause(4.0)
        ballast.unlink()

    def _set_clock(self, node: str) -> None:
        self._cluster.set_clock(node, self._random.choice((-1, 1)) * self._random.randint(120, 7_200) * 1_000)
        self._pause(5.0)
        self._cluster.set_clock(node, 0)

    def _pause(self, seconds_max: float) -> None:
        threading.Event().wait(self._random.uniform(0.1, seconds_max))

    def _await_well(self) -> None:
        eventually(self._is_well, f"region {self._region} well after {self.struck[-1]}", WELL_SECONDS_MAX)

    def _is_well(self) -> bool:
        region = self._cluster.status().regions[self._region]
        is_whole = all(
            node.state == "ready" and not node.conditions and not node.replica_conditions for node in region.nodes
        )
        return is_whole and not region.leaderless

    def _data(self, node: str) -> Path:
        return self._cluster.local.folder / "nodes" / node


class LinkNemesis:
    """What befalls links and routers, of all regions."""

    def __init__(self, cluster: RunningCluster, seed: int, stopping: threading.Event) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._stopping = stopping

    def run(self) -> None:
        """Strike until told to stop, then mend every link."""
        while not self._stopping.wait(self._random.uniform(0.0, 1.5)):
            source, destination = self._random.sample(range(len(self._cluster.regions)), 2)
            if self._random.random() < 0.2:
                self._kill_router(source)
                continue
            state = self._random.choice(list(LinkState))
            with suppress(ControlRefused):  # a router that is just starting, or a region that elects
                self._cluster.set_link(source, destination, state, 300 if state is LinkState.DELAYED else 0)
        for region in range(len(self._cluster.regions)):
            eventually(lambda region=region: self._is_mended(region), "links mended")

    def _is_mended(self, region: int) -> bool:
        with suppress(ControlRefused):
            self._cluster.isolate(region, LinkState.UP)
            return True
        return False

    def _kill_router(self, region: int) -> None:
        name = router_name(self._cluster.regions[region].name)
        self._cluster.local.kill(name)
        self._cluster.local.start(name)
