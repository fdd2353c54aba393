"""The container engine, by way of its command line: contexts, remote engines and rights are then the same as in a person's shell."""

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from deploy.targets.target import TargetError

COMMAND_SECONDS_MAX: Final = 60.0
PROJECT_LABEL: Final = "com.docker.compose.project"
SERVICE_LABEL: Final = "com.docker.compose.service"
NETWORK_LABEL: Final = "com.docker.compose.network"

# A label that the image hands down to its containers: so those of other projects are never looked at.
_IMAGE_LABEL: Final = "org.opencontainers.image.title=Globetable"


class EngineError(TargetError):
    """The engine cannot be asked, or refused; the message is one line that says what to do."""


class ContainerState(msgspec.Struct, frozen=True, rename="pascal"):
    """`State` of `docker inspect`."""

    status: str
    pid: int
    started_at: str

    def age_seconds(self, now: datetime) -> float:
        """Return how long it has run by the engine's clock, at `now` of ours."""
        # Nine digits of a second; datetime reads up to six.
        started = datetime.fromisoformat(self.started_at[:19] + "+00:00")
        return max((now - started).total_seconds(), 0.0)


class PublishedPort(msgspec.Struct, frozen=True):
    """Where a container's port is on the machine of the engine."""

    host: str = msgspec.field(name="HostIp")
    port: str = msgspec.field(name="HostPort")


class _Config(msgspec.Struct, frozen=True):
    labels: dict[str, str] = msgspec.field(name="Labels", default_factory=dict)


class _Settings(msgspec.Struct, frozen=True):
    ports: dict[str, list[PublishedPort] | None] = msgspec.field(name="Ports", default_factory=dict)
    networks: dict[str, object] = msgspec.field(name="Networks", default_factory=dict)


class Container(msgspec.Struct, frozen=True):
    """What `docker inspect` says of a container, as far as it matters here."""

    id: str = msgspec.field(name="Id")
    state: ContainerState = msgspec.field(name="State")
    config: _Config = msgspec.field(name="Config")
    settings: _Settings = msgspec.field(name="NetworkSettings")

    @property
    def project(self) -> str:
        """Return the name of the Compose project."""
        return self.config.labels.get(PROJECT_LABEL, "")

    @property
    def service(self) -> str:
        """Return the name of the Compose service, which is the process's."""
        return self.config.labels.get(SERVICE_LABEL, "")

    @property
    def networks(self) -> frozenset[str]:
        """Return the names of the networks that it is in."""
        return frozenset(self.settings.networks)

    def published(self, port: str) -> PublishedPort | None:
        """Return where its port (`8000/tcp`) is published, if it is."""
        return next(iter(self.settings.ports.get(port) or []), None)


class Engine:
    """Run `docker`. Every call has a deadline and raises EngineError."""

    def __init__(self, command: Sequence[str] = ("docker",)) -> None:
        self._command = tuple(command)

    def run(self, *arguments: str, errors_too: bool = False) -> bytes:
        """Run a command; return what it prints, with `errors_too` also what it prints as errors, in order."""
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if errors_too else subprocess.PIPE,
                timeout=COMMAND_SECONDS_MAX,
                check=False,
            )
        except FileNotFoundError:
            raise _not_installed(self._command[0]) from None
        except subprocess.TimeoutExpired:
            raise EngineError(
                f"the Docker engine did not do `docker {arguments[0]}` in {COMMAND_SECONDS_MAX:.0f} s; is it overloaded?"
            ) from None
        if done.returncode:
            raise _refused(arguments[0], (done.stdout if errors_too else done.stderr).decode(errors="replace"))
        return done.stdout

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command whose output, errors among it, is read as it comes."""
        try:
            return subprocess.Popen(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise _not_installed(self._command[0]) from None

    def containers(self, project: str | None) -> list[Container]:
        """Return the containers of a Compose project, or of all projects, that run our image; also those that have ended."""
        label = PROJECT_LABEL if project is None else f"{PROJECT_LABEL}={project}"
        found = self.run("ps", "--all", "--quiet", "--filter", f"label={_IMAGE_LABEL}", "--filter", f"label={label}")
        return self.inspected(found.decode().split())

    def inspected(self, ids: Iterable[str]) -> list[Container]:
        """Return containers by their ids."""
        ids = list(ids)
        if not ids:
            return []
        return msgspec.json.decode(self.run("inspect", "--type", "container", *ids), type=list[Container])

    def networks(self, project: str) -> Mapping[str, str]:
        """Return the names of a project's networks by what its compose file calls them."""
        shown = f'{{{{.Label "{NETWORK_LABEL}"}}}} {{{{.Name}}}}'
        lines = self.run("network", "ls", "--filter", f"label={PROJECT_LABEL}={project}", "--format", shown)
        return dict(line.split(" ", 1) for line in lines.decode().splitlines())


def now() -> datetime:
    """Return the time by which ages are told."""
    return datetime.now(UTC)


def _not_installed(command: str) -> EngineError:
    return EngineError(
        f"{command} is not installed; see https://docs.docker.com/engine/install/, or on Debian: apt-get install docker.io"
    )


def _refused(verb: str, errors: str) -> EngineError:
    said = (errors.strip().splitlines() or ["no reason given"])[-1].removeprefix("Error response from daemon: ")
    if "permission denied" in errors or "annot connect to the Docker daemon" in errors:
        return EngineError(
            f"the Docker engine does not answer ({said}); start it, or run this as a user who may use it"
        )
    return EngineError(f"docker {verb}: {said}")
