"""What a node process is told on its command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """One node process."""

    cluster: Path
    node: str
    data: Path
    log_json: bool


def parse_arguments(arguments: Sequence[str] | None = None) -> ProcessSettings:
    """Read the command line; a mistake in it ends the process with status 2 and says what was expected."""
    parser = argparse.ArgumentParser(
        prog="python -m node.main",
        description="Run one storage node: its replicas of partitions, their consensus, and replication to other regions.",
        epilog="Addresses and settings come from the cluster file. SIGTERM hands leadership over and stops; "
        "SIGUSR1 writes the stacks of all threads to standard error.",
    )
    parser.add_argument("--cluster", type=Path, required=True, metavar="FILE", help="the cluster file (cluster.toml)")
    parser.add_argument("--node", required=True, metavar="ID", help="which node of the cluster file this is")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the node's own data directory")
    parser.add_argument("--log-json", action="store_true", help="write logs as JSON lines instead of key=value")
    found = parser.parse_args(arguments)
    return ProcessSettings(cluster=found.cluster, node=found.node, data=found.data, log_json=found.log_json)
