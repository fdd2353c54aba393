"""What a node process is told on its command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wire.telemetry import LOG_FORMATS, log_format_default


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """One node process."""

    cluster: Path
    node: str
    data: Path
    listen: str | None  # the host to bind, unless that of the node's address
    metrics: str | None  # the host:port that tells metrics and health, if any
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
    parser.add_argument("--listen", metavar="HOST", help="bind this host instead of the address's own, as in 0.0.0.0")
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", help="serve GET /metrics and GET /health there (default: not)"
    )
    parser.add_argument(
        "--log-format",
        choices=LOG_FORMATS,
        default=log_format_default(),
        help="text is key=value (default: $GLOBETABLE_LOG_FORMAT, else text)",
    )
    found = parser.parse_args(arguments)
    return ProcessSettings(
        cluster=found.cluster,
        node=found.node,
        data=found.data,
        listen=found.listen,
        metrics=found.metrics,
        log_json=found.log_format == "json",
    )
