"""Options that several commands share, and how they find the cluster.

Read for every command, so what only a command does when it runs is imported then.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import fail
from deploy.local.errors import LocalClusterError
from wire.cluster import ClusterFileError

if TYPE_CHECKING:
    from deploy.local.cluster import LocalCluster

DATA_VARIABLE = "GLOBETABLE_DATA"
DATA_DEFAULT = ".globetable"

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help=f"The cluster's folder (default: ${DATA_VARIABLE}, else ./{DATA_DEFAULT})."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def data_folder(data: Path | None) -> Path:
    """Return the data directory that an option, the environment or the default names."""
    return (data or Path(os.environ.get(DATA_VARIABLE) or DATA_DEFAULT)).expanduser().absolute()


def opened(data: Path | None) -> "LocalCluster":
    """Open the cluster, or end with one line that says what to do."""
    from deploy.local.cluster import LocalCluster

    try:
        return LocalCluster.open(data_folder(data))
    except (LocalClusterError, ClusterFileError) as error:
        fail(str(error))
