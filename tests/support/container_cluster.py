"""Three regions in containers for tests: a compose project with names, networks and ports of its own, gone at the end."""

import base64
import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from ipaddress import IPv4Address
from itertools import islice, permutations
from typing import Any

import msgspec
import pytest
from docker.models.containers import Container
from testcontainers.compose import DockerCompose
from testcontainers.core.docker_client import DockerClient

from deploy.chaos.client import client
from deploy.local.ports import free_ports
from deploy.local.topology import router_name
from tests.support.cluster import eventually
from tests.support.container_image import ROOT, compose_command, image_version
from tests.support.container_programs import Program, killer, observer
from tests.support.container_projects import PROJECT_PREFIX, each_at_once, remove_leftovers, remove_project
from wire.cluster import ClusterSpec, RegionEntry

COMPOSE_FILE = ROOT / "deploy" / "docker" / "compose.yaml"
READY_SECONDS = 120.0
CONVERGENCE_SECONDS = 60.0
STOP_GRACE_SECONDS = 20
PARTITIONS = 2

Record = tuple[int, int, bool, bytes]


class Compose(DockerCompose):
    """Testcontainers' compose, with whichever compose the machine has."""

    @cached_property
    def compose_command_property(self) -> list[str]:
        return [*compose_command(), "-p", os.environ["COMPOSE_PROJECT_NAME"], "-f", str(COMPOSE_FILE)]


class ContainerCluster:
    """A started project with what tests ask of it. A container is named by its service: a node's id, or REGION-router."""

    def __init__(self, project: str, ports: dict[str, int], image: str) -> None:
        self.project = project
        self.image = image
        self.engine = DockerClient().client
        self._programs = ExitStack()
        self._observer = self._programs.enter_context(observer(self.engine, project, image, ports))
        self.spec = _as_published(msgspec.convert(self._observer.ask("spec"), ClusterSpec), ports)

    @property
    def regions(self) -> tuple[RegionEntry, ...]:
        return self.spec.regions

    def close(self) -> None:
        self._programs.close()

    def client(self, region: int = 0, *, retries: bool = True) -> Any:
        """Return a client of the region with that position, at its published port."""
        return client(self.spec, self.regions[region], retries=retries)

    # What there is

    def nodes(self, region: int) -> list[str]:
        """Return the nodes of the region with that position."""
        return [node.id for node in self.regions[region].nodes]

    def router(self, region: int) -> str:
        """Return the router of the region with that position."""
        return router_name(self.regions[region].name)

    def members(self, region: int) -> list[str]:
        """Return all containers of the region with that position."""
        return [*self.nodes(region), self.router(region)]

    def everybody(self) -> list[str]:
        """Return all containers."""
        return [name for region in range(len(self.regions)) for name in self.members(region)]

    def container(self, service: str) -> Container:
        """Return a service's container as it is now."""
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        (found,) = self.engine.containers.list(all=True, filters={"label": labels})
        return found

    # What breaks and mends

    def kill(self, *services: str) -> None:
        """Kill containers with SIGKILL, at once."""
        each_at_once(lambda service: self.container(service).kill(), services)

    def crash(self, service: str, *signals: int, after: int = 0, pause_ms: int = 0) -> int:
        """Send a running container's process signals (SIGKILL) behind the engine's back, so that its restart policy counts.

        Returns the process's id. With `after`, waits until another process than that one runs.
        """
        pid = int(eventually(lambda: self._pid_other_than(service, after), f"{service} to run"))
        self._killer.ask("kill", pid=pid, signals=[*signals] or [signal.SIGKILL], pause_ms=pause_ms)
        return pid

    def _pid_other_than(self, service: str, before: int) -> int:
        pid = int(self.container(service).attrs["State"]["Pid"])
        return 0 if pid == before else pid

    def wait_running(self, service: str, *, after: int) -> None:
        """Wait until another process than that one runs."""
        eventually(lambda: self._pid_other_than(service, after), f"{service} to run again")

    def address(self, service: str, network: str) -> IPv4Address:
        """Return a container's address in a network, named as in the compose file."""
        networks = self.container(service).attrs["NetworkSettings"]["Networks"]
        return IPv4Address(networks[f"{self.project}_{network}"]["IPAddress"])

    def wait_healthy(self, service: str) -> None:
        """Wait until a container says of itself that it is well."""

        def is_healthy() -> bool:
            return bool(self.container(service).attrs["State"].get("Health", {}).get("Status") == "healthy")

        eventually(is_healthy, f"{service} healthy", READY_SECONDS)

    @cached_property
    def _killer(self) -> Program:
        return self._programs.enter_context(killer(self.engine, self.project, self.image))

    def exit_codes(self, service: str, since: float) -> list[int]:
        """Return with what a container's processes have ended since then, first first; restarts of the same container included."""
        told = self.engine.events(
            since=since,
            until=time.time(),
            decode=True,
            filters={"event": "die", "container": self.container(service).id},
        )
        return [int(each["Actor"]["Attributes"]["exitCode"]) for each in told]

    def lines(self, service: str) -> list[dict[str, Any]]:
        """Return what a container has logged."""
        return [json.loads(line) for line in self.container(service).logs().decode().splitlines()]

    def start(self, *services: str) -> None:
        """Start containers, on the volumes that they have."""
        each_at_once(lambda service: self.container(service).start(), services)

    def pause(self, service: str) -> None:
        """Freeze a container."""
        self.container(service).pause()

    def resume(self, service: str) -> None:
        """Let a frozen container go on."""
        self.container(service).unpause()

    def stop(self, *services: str) -> dict[str, int]:
        """Stop containers as `docker stop` does, at once, and return their exit codes."""
        return dict(zip(services, each_at_once(self._stop, services), strict=True))

    def _stop(self, service: str) -> int:
        container = self.container(service)
        container.stop(timeout=STOP_GRACE_SECONDS)
        return int(container.wait()["StatusCode"])

    def lose(self, region: int) -> None:
        """Kill a region and destroy all it has: its containers and the volumes of its nodes."""
        self.kill(*self.members(region))
        for service in self.members(region):
            self.container(service).remove(force=True)
        for node in self.nodes(region):
            self.engine.volumes.get(f"{self.project}_{node}").remove(force=True)

    def lose_disk(self, node: str) -> None:
        """Kill a node and destroy its container and its volume."""
        self.kill(node)
        self.container(node).remove(force=True)
        self.engine.volumes.get(f"{self.project}_{node}").remove(force=True)

    def create(self, *services: str) -> None:
        """Start containers that are not there, with empty volumes, by compose."""
        command = [*Compose(ROOT).compose_command_property, "up", "--detach", "--no-recreate", *services]
        subprocess.run(command, check=True, capture_output=True)

    def isolate(self, region: int) -> None:
        """Take a region off the networks that it shares with others."""
        for network in self.pairs_of(region):
            for service in self._away_from(network, self.members(region), is_there=True):
                self.engine.networks.get(network).disconnect(self.container(service), force=True)

    def reconnect(self) -> None:
        """Put everybody on every network where compose had put them."""
        for number in range(len(self.regions)):
            for network in self.pairs_of(number):
                for service in self._away_from(network, self.members(number), is_there=False):
                    self.engine.networks.get(network).connect(self.container(service), aliases=[service])

    def pairs_of(self, region: int) -> list[str]:
        """Return the networks that a region shares with another."""
        names = [each.name for each in self.regions]
        pairs = (
            f"{self.project}_{one}_{other}" for one, other in permutations(names, 2) if names[region] in (one, other)
        )
        present = {network.name for network in self.engine.networks.list(names=[self.project])}
        return [pair for pair in pairs if pair in present]

    def pair(self, one: int, other: int) -> str:
        """Return the network of two regions."""
        (name,) = set(self.pairs_of(one)) & set(self.pairs_of(other))
        return name

    def mend(self) -> None:
        """Undo whatever a test did: everybody is there, runs, is connected, and serves."""
        for region in range(len(self.regions)):
            if not self._services() >= set(self.members(region)):
                self.create(*self.members(region))
        for service in self.everybody():
            container = self.container(service)
            if container.status == "paused":
                container.unpause()
            elif container.status != "running":
                container.start()
        self.reconnect()
        self.wait_ready()

    def _services(self) -> set[str]:
        mine = {"label": f"com.docker.compose.project={self.project}"}
        return {
            each.labels.get("com.docker.compose.service", "")
            for each in self.engine.containers.list(all=True, filters=mine)
        }

    def _away_from(self, network: str, services: Iterable[str], *, is_there: bool) -> list[str]:
        inside = {
            service: network in self.container(service).attrs["NetworkSettings"]["Networks"] for service in services
        }
        return [service for service, is_inside in inside.items() if is_inside is is_there]

    # What is seen

    def status(self) -> dict[str, dict[str, Any] | None]:
        """Return what every node says: its state, the partitions it leads, the records pending by destination."""
        found: dict[str, dict[str, Any] | None] = self._observer.ask("status")
        return found

    def wait_ready(self, regions: Iterable[int] | None = None) -> None:
        """Wait until every node of these regions answers, every partition has a leader, and every router serves."""
        wanted = list(range(len(self.regions)) if regions is None else regions)

        def ready() -> bool:
            status = self.status()
            return all(self._is_ready(region, status) for region in wanted)

        try:
            eventually(ready, "all regions ready", READY_SECONDS)
        except BaseException:
            print(self.last_words())
            raise

    def _is_ready(self, region: int, status: dict[str, dict[str, Any] | None]) -> bool:
        nodes = [status[node] for node in self.nodes(region)]
        led = {partition for node in nodes if node is not None for partition in node["leads"]}
        if any(node is None or node["state"] == "starting" for node in nodes) or len(led) != PARTITIONS + 1:
            return False
        return self._is_healthy(self.router(region)) and self._answers(region)

    def _is_healthy(self, service: str) -> bool:
        state = self.container(service).attrs["State"]
        return state["Status"] == "running" and state.get("Health", {}).get("Status") != "unhealthy"

    def _answers(self, region: int) -> bool:
        try:
            self.client(region, retries=False).list_tables(Limit=1)
        except Exception:  # noqa: BLE001  # whatever it is: not yet
            return False
        return True

    def leader(self, partition: int, region: int = 0) -> str:
        """Return the node that leads a partition and serves, waiting for one."""

        def found() -> str | None:
            status = self.status()
            return next(
                (node for node in self.nodes(region) if partition in ((status[node] or {}).get("leads", ()))), None
            )

        leader: str = eventually(found, f"leader of partition {partition}")
        return leader

    def backlog(self, source: int, destination: int) -> int:
        """Return how many records one region still has to ship to another."""
        status = self.status()
        name = self.regions[destination].name
        return sum((status[node] or {"pending": {}})["pending"].get(name, 0) for node in self.nodes(source))

    def installing(self, node: str) -> bool:
        """Whether a node receives a snapshot."""
        is_installing: bool = self._observer.ask("installing", node=node)
        return is_installing

    def keys_of(self, node: str, table: str) -> set[bytes]:
        """Return the partition keys that a node holds of a table, whoever leads."""
        return {base64.b64decode(key) for key in self._observer.ask("keys", node=node, table=table)}

    def dumps(self, table: str) -> list[dict[tuple[bytes, bytes], Record]]:
        """Return every record of a table by region: key -> (time, region, tombstone, body)."""
        dumped = self._observer.ask("dump", table=table)
        return [_records(dumped[region.name]) for region in self.regions]

    def converged(self, table: str, seconds: float = CONVERGENCE_SECONDS) -> dict[tuple[bytes, bytes], Record]:
        """Wait until all regions hold the same, to the byte and the version, and return it."""
        seen: list[dict[tuple[bytes, bytes], Record]] = []

        def same() -> bool:
            seen[:] = self.dumps(table)
            return all(held == seen[0] for held in seen)

        try:
            eventually(same, "regions converge", seconds)
        finally:
            print(", ".join(f"{region.name}: {len(held)}" for region, held in zip(self.regions, seen, strict=False)))
        return seen[0]

    def last_words(self) -> str:
        """Return what containers that do not run said last, for a failing test."""
        lines = []
        for service in sorted(set(self.everybody()) & self._services()):
            container = self.container(service)
            lines.append(f"{service}: {container.status}: {container.logs(tail=2).decode(errors='replace').strip()}")
        return "\n".join(lines)


@contextmanager
def container_cluster() -> Iterator[ContainerCluster]:
    """Start three regions from an image of the sources as they are, wait until they serve, and remove them at the end."""
    remove_leftovers()
    version = image_version()
    project = f"{PROJECT_PREFIX}{os.getpid()}"
    names = ("us-east-1", "eu-west-1", "ap-northeast-1")
    ports = dict(zip(names, islice(free_ports(random.SystemRandom()), len(names)), strict=True))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("COMPOSE_PROJECT_NAME", project)
        environment.setenv("GLOBETABLE_PREFIX", f"{project}-")
        environment.setenv("GLOBETABLE_VERSION", version)
        environment.setenv("GLOBETABLE_PARTITIONS", str(PARTITIONS))
        environment.setenv("GLOBETABLE_BIND", "127.0.0.1")
        for region, port in ports.items():
            environment.setenv(f"GLOBETABLE_PORT_{region.replace('-', '_').upper()}", str(port))
        try:
            # Before compose version 2 there is no `--wait`; health is waited for below in any case.
            Compose(COMPOSE_FILE.parent, wait=False).start()
            cluster = ContainerCluster(project, ports, f"globetable:{version}")
            try:
                cluster.wait_ready()
                yield cluster
            finally:
                cluster.close()
        finally:
            remove_project(project)


def _as_published(spec: ClusterSpec, ports: dict[str, int]) -> ClusterSpec:
    regions = (msgspec.structs.replace(each, http=f"127.0.0.1:{ports[each.name]}") for each in spec.regions)
    return msgspec.structs.replace(spec, regions=tuple(regions))


def _records(rows: list[list[Any]]) -> dict[tuple[bytes, bytes], Record]:
    return {
        (base64.b64decode(key), base64.b64decode(sort)): (time, region, tombstone, base64.b64decode(body))
        for key, sort, time, region, tombstone, body in rows
    }
