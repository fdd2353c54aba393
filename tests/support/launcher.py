"""`up` and `down` as they are, on stand-ins for nodes and routers; killed, or refused its disk, at one of their steps.

A step is what the interpreter tells its audit hooks of: a file below the folder opened, renamed or removed, a folder made or removed, a
process started, a signal sent. `kill` ends the command before that step without a goodbye; `refuse` lets the step fail as a full disk
would, and counts only those that can; step 0 is none of them.
"""

import errno
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

import typer

from deploy.cli import lifecycle, startup
from deploy.cli.cluster_file import cluster_file
from deploy.cli.startup import Asked
from deploy.cli.status import ClusterStatus
from deploy.local.cluster import LocalCluster
from wire.cluster import Credential

REFUSED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
STEPS = REFUSED | {"subprocess.Popen", "os.kill"}


class StandInCluster(LocalCluster):
    """A cluster whose processes do nothing."""

    def _arguments(self, name: str) -> list[str]:
        return ["tests.support.stand_in", *super()._arguments(name)[1:]]


def up(folder: Path) -> None:
    """Start one region of one node and a router; end with typer.Exit when that fails."""
    kept = startup.LocalCluster, startup._wait_until_ready
    startup.LocalCluster = StandInCluster  # type: ignore[misc]
    startup._wait_until_ready = lambda _: ClusterStatus(credentials=Credential("", ""), regions=[], links=[])
    try:
        startup.bring_up(folder, ASKED, detach=True, as_json=True)
    finally:
        startup.LocalCluster, startup._wait_until_ready = kept  # type: ignore[misc]


def down(folder: Path) -> None:
    lifecycle.down(folder)


def delete(folder: Path) -> None:
    lifecycle.down(folder, delete_data=True)


def start_node(folder: Path) -> None:
    StandInCluster.open(folder).start("us-east-1-1")


def write_file(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    cluster_file(folder / "cluster.toml", regions="1", nodes=1)


VERBS: dict[str, Callable[[Path], None]] = {
    "up": up,
    "down": down,
    "delete": delete,
    "start node": start_node,
    "write file": write_file,
}
ASKED = Asked(
    regions="1",
    nodes=1,
    partitions=1,
    port=0,
    access_key_id=None,
    secret_access_key=None,
    signatures=None,
    control_plane=None,
)


class Steps:
    """Count the steps of this process, and let one of them be the last, or fail."""

    def __init__(self, folder: Path, mode: str, step: int) -> None:
        self._folder = str(folder)
        self._mode = mode
        self._step = step
        self.count = 0

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in STEPS or not self._is_ours(event, arguments):
            return
        self.count += 1
        if self.count == self._step and self._mode == "kill":
            self._step = 0  # to send a signal is a step, too
            os.kill(os.getpid(), signal.SIGKILL)
        if self.count == self._step and self._mode == "refuse" and event in REFUSED:
            raise OSError(errno.ENOSPC, "No space left on device")

    def _is_ours(self, event: str, arguments: tuple[Any, ...]) -> bool:
        if event not in REFUSED:
            return self._mode != "refuse"
        return isinstance(arguments[0], str | os.PathLike) and os.fspath(arguments[0]).startswith(self._folder)


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit status, negative for a signal, what it said, and how many steps it took."""

    status: int
    said: str
    steps: int


def ended(verb: str, folder: Path, mode: str = "kill", step: int = 0) -> Ended:
    """Run a command in a process of its own, forked because to import what it needs takes longer than to run it."""
    with tempfile.TemporaryFile("w+") as said:
        pid = os.fork()
        if pid == 0:
            _run(verb, folder, Steps(folder, mode, step), said)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        *lines, steps = said.read().splitlines() or ["0"]
    return Ended(status, " ".join(lines).strip(), int(steps) if steps.isdigit() else 0)


def _run(verb: str, folder: Path, steps: Steps, said: TextIO) -> NoReturn:
    status = 0
    sys.stdout = sys.stderr = said
    try:
        sys.addaudithook(steps)
        VERBS[verb](folder)
    except typer.Exit as end:
        status = end.exit_code
    except BaseException:  # noqa: BLE001 - the end of a forked process: what it ends with is told to the one that waits
        traceback.print_exc()
        status = -1
    finally:
        print(f"\n{steps.count}", flush=True)
        os._exit(status)
