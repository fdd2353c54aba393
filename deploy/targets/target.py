"""The seam between the command line and where a cluster runs: one Protocol, implemented by local processes and by containers."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from wire.cluster import ClusterSpec

ProcessCondition = Literal["running", "starting", "paused", "stopped"]
"""What the machine says of a process, whatever it says itself; a process that is started over and over is starting."""


class TargetError(Exception):
    """The cluster cannot do what was asked; the message is one line that says what to do."""


class NobodyAwake(TargetError):
    """No process of a region can be asked, or run anything beside it."""


class ProcessView(msgspec.Struct, frozen=True):
    """One process as the machine sees it: `pid` and `age_seconds` are None when it is stopped."""

    condition: ProcessCondition
    pid: int | None = None
    age_seconds: float | None = None
    metrics: str = ""  # host:port of /metrics and /health, where they can be reached from here

    @property
    def is_awake(self) -> bool:
        """Whether it can answer."""
        return self.condition == "running"


STOPPED = ProcessView("stopped")


class Inside(Protocol):
    """The network that a cluster's processes share, where it is not this machine's."""

    def run(self, region: str, arguments: Sequence[str]) -> bytes:
        """Run `python3 ARGUMENTS` beside a region's processes and return what it prints. Raises NobodyAwake or another TargetError."""
        ...


class Target(Protocol):
    """A cluster of named processes, wherever they run. Every method that is given an unknown name raises TargetError.

    What a method does to one process it does before it returns; False is for a process that was not in the state to do it to.
    """

    spec: ClusterSpec

    @property
    def place(self) -> str:
        """Where the cluster is: a folder, or a project's name."""
        ...

    @property
    def options(self) -> str:
        """Return what the command line must be told to mean this cluster, with a space before it; empty for the default."""
        ...

    @property
    def inside(self) -> Inside | None:
        """Where addresses of the cluster file can be reached, or None if from here."""
        ...

    def names(self) -> list[str]:
        """Return the names of all processes, nodes first."""
        ...

    def known(self, name: str) -> None:
        """Raise TargetError unless a process has that name."""
        ...

    def views(self) -> dict[str, ProcessView]:
        """Return every process as it is now, by name."""
        ...

    def endpoint(self, region: str) -> str:
        """Return host:port of a region's HTTP endpoint as it is reached from here; empty if it is not."""
        ...

    def start(self, name: str) -> bool:
        """Start a process on the data it had; return False if it runs, or is paused."""
        ...

    def stop(self, name: str) -> bool:
        """Stop a process gracefully; return False if it did not run."""
        ...

    def kill(self, name: str) -> bool:
        """Kill a process without a goodbye; return False if it did not run."""
        ...

    def restart_router(self, region: str) -> bool:
        """Have new processes serve for a region's router; its endpoint stays meanwhile. Return False if it does not run."""
        ...

    def pause(self, name: str) -> bool:
        """Freeze a process; return False if it does not run."""
        ...

    def resume(self, name: str) -> bool:
        """Let a frozen process go on; return False if it does not run."""
        ...

    def cut_cable(self, source: str, destination: str) -> None:
        """Take the network between two regions away, both ways. Raises TargetError."""
        ...

    def mend_cable(self, source: str, destination: str) -> None:
        """Give the network between two regions back, if it was taken away. Raises TargetError."""
        ...

    def logged(self, names: Iterable[str], lines: int, *, follow: bool) -> Iterator[tuple[str, bytes]]:
        """Yield the last lines that processes logged, and then what they log until the caller has enough, with their names."""
        ...


def require_known(names: Sequence[str], name: str) -> None:
    """Raise TargetError unless `name` is among the names of a cluster's processes."""
    if name not in names:
        raise TargetError(f"no process {name!r}; this cluster has {', '.join(names)}")
