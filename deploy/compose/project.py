"""ComposeCluster: a project's containers as processes that can be looked at, broken and mended."""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final, Self

from deploy.compose.engine import Container, Engine, EngineError, now
from deploy.compose.logs import LogReader
from deploy.local.topology import router_name
from deploy.targets.target import STOPPED, NobodyAwake, ProcessCondition, ProcessView, TargetError, require_known
from wire.cluster import ClusterSpec, RegionEntry, parse_cluster

CLUSTER_FILE: Final = PurePosixPath("/etc/globetable/cluster.toml")
HTTP_PORT: Final = "8000/tcp"
_HOW_TO_START: Final = "start one with `docker compose -f deploy/docker/compose.yaml up -d`"
_REPLACE: Final = "import os, signal; os.kill(1, signal.SIGUSR1)"
_ANY_INTERFACE: Final = ("", "0.0.0.0", "::")
_CONDITIONS: Final[dict[str, ProcessCondition]] = {"running": "running", "paused": "paused", "restarting": "starting"}


class ComposeCluster:
    """A cluster of containers, found by the labels of Compose: a service's name is the id of its node, or REGION-router.

    What it knows of the containers is of when it was opened, or of the last call that returned views.
    """

    def __init__(self, engine: Engine, project: str, containers: Sequence[Container], spec: ClusterSpec) -> None:
        self.spec = spec
        self._engine = engine
        self._project = project
        self._containers = {each.service: each for each in containers}

    @classmethod
    def open(cls, project: str | None, *, engine: Engine) -> Self:
        """Find a project, or the only one there is. Raises TargetError, or ClusterFileError when its file is broken."""
        found = engine.containers(project)
        projects = sorted({each.project for each in found})
        if not projects:
            which = "no project" if project is None else f"no project {project!r}"
            raise TargetError(f"{which} of Globetable's containers on this engine: {_HOW_TO_START}")
        if len(projects) > 1:
            raise TargetError(f"several projects run Globetable: choose one of {', '.join(projects)} with --project")
        if not any(each.state.status in ("running", "paused") for each in found):
            raise TargetError(
                f"no container of project {projects[0]} runs: start them with `docker compose -p {projects[0]} start`"
            )
        return cls(engine, projects[0], found, _cluster_file(engine, found))

    @property
    def place(self) -> str:
        """Return the project's name."""
        return self._project

    @property
    def options(self) -> str:
        """Return what the command line must be told to mean this project."""
        return f" --target compose --project {self._project}"

    @property
    def inside(self) -> Self:
        """The addresses of the cluster file are those of the containers' networks."""
        return self

    def names(self) -> list[str]:
        """Return the names of all processes, nodes first."""
        nodes = [node.id for region in self.spec.regions for node in region.nodes]
        return nodes + [router_name(region.name) for region in self.spec.regions]

    def known(self, name: str) -> None:
        """Raise TargetError unless a process has that name."""
        require_known(self.names(), name)

    def views(self) -> dict[str, ProcessView]:
        """Return every process as its container is now; one without a container is stopped."""
        self._containers = {each.service: each for each in self._engine.containers(self._project)}
        return {name: self._view(name) for name in self.names()}

    def endpoint(self, region: str) -> str:
        """Return where the router's port is published; empty while it is not, as when its container is stopped."""
        container = self._containers.get(router_name(region))
        published = container.published(HTTP_PORT) if container is not None else None
        if published is None:
            return ""
        return f"{'127.0.0.1' if published.host in _ANY_INTERFACE else published.host}:{published.port}"

    def start(self, name: str) -> bool:
        """Start a container that has ended; return False if it runs, or is paused."""
        return self._does("start", name, when=_has_ended)

    def stop(self, name: str) -> bool:
        """Stop a container with its own signal, waiting as long as it was made with; return False if it did not run."""
        if _is_paused(self._fresh(name)):
            self.resume(name)
        return self._does("stop", name, when=_is_up)

    def kill(self, name: str) -> bool:
        """Kill a container with SIGKILL; its restart policy does not start it again. Return False if it did not run."""
        return self._does("kill", name, when=lambda container: _is_up(container) or _is_paused(container))

    def restart_router(self, region: str) -> bool:
        """Tell a router's container to replace its processes, which it does while it serves; return False if it does not run."""
        container = self._fresh(router_name(self.spec.region(region).name))
        if not _runs(container):
            return False
        # Not `docker kill`: the engine would take it for a stop, and not start again what crashes later.
        self._engine.run("exec", container.id, "python3", "-S", "-c", _REPLACE)
        return True

    def pause(self, name: str) -> bool:
        """Freeze a container; return False if it does not run."""
        return self._does("pause", name, when=_runs) or _is_paused(self._fresh(name))

    def resume(self, name: str) -> bool:
        """Let a frozen container go on; return False if it does not run."""
        return self._does("unpause", name, when=_is_paused) or _runs(self._fresh(name))

    def cut_cable(self, source: str, destination: str) -> None:
        """Take every container of `source` off the network that the two regions share. Raises TargetError."""
        network = self._cable(source, destination)
        self.views()
        for container in self._of_region(self.spec.region(source)):
            if network in container.networks:
                self._engine.run("network", "disconnect", "--force", network, container.id)

    def mend_cable(self, source: str, destination: str) -> None:
        """Put every container of both regions that is not on their network back on it. Raises TargetError."""
        network = self._cable(source, destination)
        self.views()
        for name in (source, destination):
            for container in self._of_region(self.spec.region(name)):
                if network not in container.networks:
                    # Compose gives each service its name there; a network does not remember who was in it.
                    self._engine.run("network", "connect", "--alias", container.service, network, container.id)

    def logged(self, names: Iterable[str], lines: int, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """Yield what containers logged, over all their starts."""
        return LogReader(self._engine, {name: self._container(name).id for name in names}).read(lines, follow=follow)

    def run(self, region: str, arguments: Sequence[str]) -> bytes:
        """Run Python in a container of a region that is awake, its router first. Raises TargetError."""
        for container in self._of_region(self.spec.region(region)):
            try:
                if _runs(container):
                    return self._engine.run("exec", container.id, "python3", *arguments)
            except EngineError:
                if _runs(self._fresh(container.service)):
                    raise  # it has not ended meanwhile, so it is not that
        raise NobodyAwake(
            f"no container of {region} is awake: start one with `globetable router start {region}{self.options}`"
        )

    def _does(self, verb: str, name: str, *, when: Callable[[Container], bool]) -> bool:
        container = self._fresh(name)
        if not when(container):
            return False
        self._engine.run(verb, container.id)
        return True

    def _fresh(self, name: str) -> Container:
        (fresh,) = self._engine.inspected([self._container(name).id])
        self._containers[name] = fresh
        return fresh

    def _container(self, name: str) -> Container:
        self.known(name)
        found = self._containers.get(name)
        if found is None:
            raise TargetError(
                f"{name} has no container: `docker compose -f deploy/docker/compose.yaml up -d` makes what is missing"
            )
        return found

    def _of_region(self, region: RegionEntry) -> list[Container]:
        names = [router_name(region.name), *(node.id for node in region.nodes)]
        return [found for name in names if (found := self._containers.get(name)) is not None]

    def _view(self, name: str) -> ProcessView:
        container = self._containers.get(name)
        if container is None or _has_ended(container):
            return STOPPED
        state = container.state
        return ProcessView(_CONDITIONS.get(state.status, "stopped"), state.pid or None, state.age_seconds(now()))

    def _cable(self, source: str, destination: str) -> str:
        self.spec.region(source), self.spec.region(destination)
        networks = self._engine.networks(self._project)
        for name in (f"{source}_{destination}", f"{destination}_{source}"):
            if name in networks:
                return networks[name]
        raise TargetError(
            f"project {self._project} has no network {source}_{destination} that could be cut; "
            f"it has {', '.join(sorted(networks)) or 'none'}"
        )


def _cluster_file(engine: Engine, containers: Sequence[Container]) -> ClusterSpec:
    """Read the file that the processes read: out of a container, whether it runs or not."""
    refusal = EngineError("no container holds a cluster file")
    for container in containers:
        try:
            archive = engine.run("cp", f"{container.id}:{CLUSTER_FILE}", "-")
        except EngineError as error:
            refusal = error
            continue
        with tarfile.open(fileobj=io.BytesIO(archive)) as content:
            file = content.extractfile(CLUSTER_FILE.name)
            assert file is not None, "a file that docker could copy is in the archive"
            return parse_cluster(file.read().decode(errors="replace"), str(CLUSTER_FILE))
    raise refusal


def _runs(container: Container) -> bool:
    return container.state.status == "running"


def _is_paused(container: Container) -> bool:
    return container.state.status == "paused"


def _is_up(container: Container) -> bool:
    return container.state.status in ("running", "restarting")


def _has_ended(container: Container) -> bool:
    return container.state.status in ("created", "exited", "dead", "removing")
