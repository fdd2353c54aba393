"""LocalCluster: all processes of a cluster on this machine, under one data directory.

DATA/cluster.toml      who runs where; written by the first `up`
DATA/processes.json    pids
DATA/nodes/ID/         a node's storage
DATA/logs/NAME.log     one log per process
"""

import random
import signal
import uuid
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from deploy.local.errors import LocalClusterError
from deploy.local.folder import LOCK_SECONDS_MAX, ClusterFolder
from deploy.local.logs import read_logs
from deploy.local.ports import adjacent, free_ports, http_ports, is_free
from deploy.local.processes import Command, ProcessTable
from deploy.local.topology import HOST, Layout, composed_cluster, router_name
from deploy.targets.target import STOPPED, ProcessCondition, ProcessView, require_known
from wire.cluster import ClusterSpec, NodeEntry, RegionEntry, dump_cluster, load_cluster

HTTP_PORT_DEFAULT = 8001
STOP_TIMEOUT_SECONDS = 10.0
RESTART_TIMEOUT_SECONDS = 90.0


class LocalCluster:
    """A cluster of child processes. Every method may be called from any process that knows the data directory."""

    def __init__(self, home: ClusterFolder, spec: ClusterSpec) -> None:
        self._home = home
        self.spec = spec
        self.processes = ProcessTable(home.path)
        self._free_ports: Iterator[int] | None = None

    @classmethod
    def create(
        cls, folder: Path | ClusterFolder, layout: Layout, *, port: int | None, generator: random.Random
    ) -> "LocalCluster":
        """Write the file of a new cluster where there is none. Raises PortsUnavailable, LocalClusterError when the folder is not free."""
        home = _home(folder)
        with home.changing(create=True):
            inner = free_ports(generator)
            endpoints = http_ports(len(layout.regions), port, HTTP_PORT_DEFAULT, inner)
            cluster_id = str(uuid.UUID(int=generator.getrandbits(128), version=4))
            spec = composed_cluster(cluster_id, layout, endpoints, (each for each in inner if each not in endpoints))
            home.make(dump_cluster(spec))
        return cls(home, load_cluster(home.cluster_file))

    @classmethod
    def open(cls, folder: Path | ClusterFolder) -> "LocalCluster":
        """Open what `create` made. Raises LocalClusterError when there is nothing, ClusterFileError when it is broken."""
        home = _home(folder)
        home.require_cluster()
        return cls(home, load_cluster(home.cluster_file))

    @property
    def folder(self) -> Path:
        """Return where the cluster is."""
        return self._home.path

    @property
    def place(self) -> str:
        """Return the cluster's folder."""
        return str(self.folder)

    @property
    def options(self) -> str:
        """Local clusters are what the command line means by default."""
        return ""

    @property
    def inside(self) -> None:
        """Every address of the cluster file can be reached from here."""
        return None

    def changing(self, *, seconds_max: float = LOCK_SECONDS_MAX) -> AbstractContextManager[None]:
        """Hold the cluster while processes are started or stopped, so that two commands do not do it at once."""
        return self._home.changing(seconds_max=seconds_max)

    def names(self) -> list[str]:
        """Return the names of all processes, nodes first."""
        nodes = [node.id for region in self.spec.regions for node in region.nodes]
        return nodes + [router_name(region.name) for region in self.spec.regions]

    def views(self) -> dict[str, ProcessView]:
        """Return every process as it is now."""
        return {name: self._view(name) for name in self.names()}

    def endpoint(self, region: str) -> str:
        """Return host:port of a region's HTTP endpoint."""
        return self.spec.region(region).http

    def start(self, name: str) -> bool:
        """Start one process by name unless it runs; return whether it was started."""
        self.known(name)
        return bool(self._start([name]))

    def start_all(self) -> list[str]:
        """Start every process that does not run; return the names of those started."""
        return self._start(self.names())

    def stop_all(self) -> list[str]:
        """Stop everything that runs on the folder, whatever the table says; return what had to be killed. Raises LocalClusterError."""
        with self.changing():
            return stop_processes(self.processes)

    def stop_started(self, names: list[str]) -> None:
        """Stop what a start that failed had started, and leave alone what ran before."""
        self.processes.stop(names, STOP_TIMEOUT_SECONDS)

    def stop(self, name: str) -> bool:
        """Stop one process gracefully: a node hands its leaderships over first. Return False if it did not run."""
        self.known(name)
        if self.processes.running(name) is None:
            return False
        self.processes.stop([name], STOP_TIMEOUT_SECONDS)
        return True

    def kill(self, name: str) -> bool:
        """Kill one process with SIGKILL and wait until it is gone; return False if it did not run."""
        self.known(name)
        sent = self.processes.send(name, signal.SIGKILL)
        self.processes.wait_gone(name, STOP_TIMEOUT_SECONDS)
        return sent

    def restart_router(self, region: str) -> bool:
        """Replace what serves for a region's router by new processes; return False if it does not run. Raises LocalClusterError."""
        name = router_name(self.spec.region(region).name)
        if self.processes.running(name) is None:
            return False
        if not self.processes.replace_parts(name, signal.SIGUSR1, RESTART_TIMEOUT_SECONDS):
            raise LocalClusterError(
                f"{name} was not replaced within {RESTART_TIMEOUT_SECONDS:.0f} s, and goes on as it was; "
                f"see {self.processes.log_path(name)}"
            )
        return True

    def pause(self, name: str) -> bool:
        """Freeze one process with SIGSTOP; return False if it does not run."""
        self.known(name)
        return self.processes.send(name, signal.SIGSTOP)

    def resume(self, name: str) -> bool:
        """Let a frozen process go on; return False if it does not run."""
        self.known(name)
        return self.processes.send(name, signal.SIGCONT)

    def cut_cable(self, source: str, destination: str) -> None:
        """Refuse: all processes share this machine's loopback. Raises LocalClusterError."""
        raise LocalClusterError(
            "--cable takes networks of containers apart: it needs --target compose; without it, the processes cut the link"
        )

    def mend_cable(self, source: str, destination: str) -> None:
        """No cable is ever cut."""

    def logged(self, names: Iterable[str], lines: int, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """Yield what processes have logged, over all their starts."""
        return read_logs({name: self.processes.log_path(name) for name in names}, lines, follow=follow)

    def known(self, name: str) -> None:
        """Raise TargetError unless a process has that name."""
        require_known(self.names(), name)

    def region_of(self, name: str) -> RegionEntry:
        """Return the region of a node or a router by its process name."""
        self.known(name)
        return next(r for r in self.spec.regions if r.node(name) is not None or router_name(r.name) == name)

    def nodes(self) -> list[NodeEntry]:
        """Return every node of every region."""
        return [node for region in self.spec.regions for node in region.nodes]

    def died(self) -> list[str]:
        """Return one line for each process that has ended, with its last words."""
        gone = [name for name in self.names() if self.processes.running(name) is None]
        return [f"{name}: {self.processes.last_line(name) or 'ended without a word'}" for name in gone]

    def _start(self, names: Iterable[str]) -> list[str]:
        with self.changing():
            stopped = [name for name in names if self.processes.running(name) is None]
            commands = {name: Command(self._arguments(name), self._metrics_address(name)) for name in stopped}
            try:
                return self.processes.start(commands)
            except OSError as error:
                raise LocalClusterError(f"cannot start {', '.join(commands)}: {error}") from error

    def _view(self, name: str) -> ProcessView:
        process, age_seconds = self.processes.running(name), self.processes.age_seconds(name)
        if process is None or age_seconds is None:
            return STOPPED
        condition: ProcessCondition = "paused" if self.processes.is_paused(name) else "running"
        return ProcessView(condition, process.pid, age_seconds, self.processes.metrics(name))

    def _metrics_address(self, name: str) -> str:
        """Return where a process tells its metrics: where it did when it last ran if that is free, else at any free port."""
        host, _, port = self.processes.metrics(name).rpartition(":")
        # A router's gateway tells its own at the port behind.
        wanted = range(2 if self._is_router(name) else 1)
        if port.isdigit() and all(is_free(int(port) + n, host) for n in wanted):
            return f"{host}:{port}"
        if self._free_ports is None:
            # One source for all: ports that were just handed out are free until the process has started.
            self._free_ports = free_ports(random.SystemRandom())
        return f"{HOST}:{adjacent(self._free_ports) if self._is_router(name) else next(self._free_ports)}"

    def _is_router(self, name: str) -> bool:
        return self.region_of(name).node(name) is None

    def _arguments(self, name: str) -> list[str]:
        region = self.region_of(name)
        cluster = ["--cluster", str(self.folder / "cluster.toml")]
        if self._is_router(name):
            return ["router.start", *cluster, "--region", region.name]
        return ["node.main", *cluster, "--node", name, "--data", str(self.folder / "nodes" / name)]


def stop_processes(processes: ProcessTable) -> list[str]:
    """Stop all that runs on a folder, routers first so that no request meets a stopping node; return what had to be killed.

    Raises LocalClusterError when something stays.
    """
    running = processes.names()
    routers = [name for name in running if name.endswith(router_name(""))]
    killed = processes.stop(routers, STOP_TIMEOUT_SECONDS)
    killed += processes.stop([name for name in running if name not in routers], STOP_TIMEOUT_SECONDS)
    # Among it what was started by hand, or by a command that was killed, while we were at it.
    return killed + processes.stop(processes.names(), STOP_TIMEOUT_SECONDS)


def _home(folder: Path | ClusterFolder) -> ClusterFolder:
    return folder if isinstance(folder, ClusterFolder) else ClusterFolder(folder)
