"""Options that several commands share, and how they find the cluster.

Read for every command, so what only a command does when it runs is imported then.
"""

import inspect
import os
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, Final, ParamSpec

import typer

from deploy.cli.console import EXIT_USAGE, fail
from deploy.local.errors import LocalClusterError
from deploy.targets.target import Target, TargetError
from wire.cluster import ClusterFileError

if TYPE_CHECKING:
    from deploy.local.cluster import LocalCluster

DATA_VARIABLE = "GLOBETABLE_DATA"
DATA_DEFAULT = ".globetable"


class Where(StrEnum):
    """Where a cluster's processes run."""

    LOCAL = "local"
    COMPOSE = "compose"


DataOption = Annotated[
    Path | None,
    typer.Option("--data", help=f"The cluster's folder (default: ${DATA_VARIABLE}, else ./{DATA_DEFAULT})."),
]
TargetOption = Annotated[
    Where,
    typer.Option("--target", envvar="GLOBETABLE_TARGET", help="Processes on this machine, or containers of Compose."),
]
ProjectOption = Annotated[
    str | None,
    typer.Option(
        "--project", envvar="COMPOSE_PROJECT_NAME", help="The Compose project (default: the only one that runs it)."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]

P = ParamSpec("P")

# What every command on a cluster takes to find it.
_FINDING: Final = (
    inspect.Parameter("data", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=DataOption),
    inspect.Parameter("target", inspect.Parameter.KEYWORD_ONLY, default=Where.LOCAL, annotation=TargetOption),
    inspect.Parameter("project", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=ProjectOption),
)


def data_folder(data: Path | None) -> Path:
    """Return the data directory that an option, the environment or the default names."""
    # Resolved: what runs there is found by the folder's one name.
    return (data or Path(os.environ.get(DATA_VARIABLE) or DATA_DEFAULT)).expanduser().resolve()


def opened(data: Path | None) -> "LocalCluster":
    """Open the cluster of processes on this machine, or end with one line that says what to do."""
    from deploy.local.cluster import LocalCluster

    try:
        return LocalCluster.open(data_folder(data))
    except (LocalClusterError, ClusterFileError, OSError) as error:
        fail(str(error))


def found(data: Path | None, target: Where, project: str | None) -> Target:
    """Open the cluster that options mean, wherever it runs, or end with one line that says what to do."""
    if target is Where.LOCAL:
        return opened(data)
    from deploy.compose.engine import Engine
    from deploy.compose.project import ComposeCluster

    if data is not None:
        fail("--data is the folder of processes on this machine; containers are found with --project", EXIT_USAGE)
    try:
        return ComposeCluster.open(project, engine=Engine())
    except (TargetError, ClusterFileError) as error:
        fail(str(error))


def on_cluster(command: Callable[Concatenate[Target, P], None]) -> Callable[P, None]:
    """Make a command of a function on a cluster: it takes the options that find one, and whatever that raises ends in one line."""

    @wraps(command)
    def with_options(*arguments: P.args, **named: P.kwargs) -> None:
        finding = {each.name: named.pop(each.name) for each in _FINDING}
        try:
            command(found(**finding), *arguments, **named)  # type: ignore[arg-type]
        except (TargetError, ClusterFileError) as error:
            fail(str(error))

    _, *own = inspect.signature(command).parameters.values()
    parameters = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *_FINDING]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_options
