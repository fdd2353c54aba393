"""What a router process is told on its command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from wire.telemetry import LOG_FORMATS, log_format_default

WORKERS_MAX = 64


class Part(StrEnum):
    """What a process of a router serves."""

    HTTP = "http"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSettings:
    """One process of a router."""

    cluster: Path
    region: str
    workers: int
    listen: str | None  # the host to bind, unless those of the region's addresses
    metrics: str | None  # the host:port that tells metrics and health, if any
    log_json: bool
    worker: int  # which of the processes that share the HTTP port this is
    part: Part | None  # what this process does; None for the parent of those that do
    succeeds: bool  # whether another serves until this one is ready


def parse_arguments(arguments: Sequence[str] | None = None) -> RouterSettings:
    """Read the command line; a mistake in it ends the process with status 2 and says what was expected."""
    parser = argparse.ArgumentParser(
        prog="python -m router.start",
        description="Serve the DynamoDB API of one region over HTTP, and take other regions' changes for it.",
        epilog="Addresses, credentials and settings come from the cluster file. The process holds the sockets and keeps those that serve, "
        "HTTP and the gateway apart. SIGTERM stops them all; SIGUSR1 replaces each by a new one, and no connection is refused meanwhile.",
    )
    parser.add_argument("--cluster", type=Path, required=True, metavar="FILE", help="the cluster file (cluster.toml)")
    parser.add_argument("--region", required=True, metavar="NAME", help="the region of the cluster file to serve")
    parser.add_argument(
        "--workers", type=_workers, default=1, metavar="N", help="processes that share the HTTP port (default: 1)"
    )
    parser.add_argument("--listen", metavar="HOST", help="bind this host instead of the addresses' own, as in 0.0.0.0")
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        help="serve GET /metrics and GET /health there, worker N at PORT + N, the gateway after the last (default: not)",
    )
    parser.add_argument(
        "--log-format",
        choices=LOG_FORMATS,
        default=log_format_default(),
        help="text is key=value (default: $GLOBETABLE_LOG_FORMAT, else text)",
    )
    parser.add_argument("--worker", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--part", type=Part, help=argparse.SUPPRESS)
    parser.add_argument("--succeeds", action="store_true", help=argparse.SUPPRESS)
    found = parser.parse_args(arguments)
    return RouterSettings(
        cluster=found.cluster,
        region=found.region,
        workers=found.workers,
        listen=found.listen,
        metrics=found.metrics,
        log_json=found.log_format == "json",
        worker=found.worker,
        part=found.part,
        succeeds=found.succeeds,
    )


def _workers(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"expected 1 to {WORKERS_MAX}, found {text!r}")
    return int(text)
