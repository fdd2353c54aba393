"""Where a router begins: the parent of the processes that serve, ready to be ended before the first slow import.

Binds every socket that is to outlive them. They begin in serve.
"""

import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from wire.ending import end_at_once_until_served

if TYPE_CHECKING:
    import socket

    from router.parent.process import Serving
    from router.settings import RouterSettings
    from wire.cluster import RegionEntry


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a router; end with its exit status: 2 with one line on standard error when it cannot start."""
    end_at_once_until_served()
    # To ask for a restart of what has not begun is no reason to end.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: Sequence[str]) -> int:
    from router.http.listening import ListenError
    from router.parent.process import ParentProcess
    from router.settings import parse_arguments
    from wire.cluster import ClusterFileError, load_cluster
    from wire.telemetry import configure_logs

    settings = parse_arguments(arguments)
    try:
        cluster = load_cluster(settings.cluster)
        serving = _served(settings, cluster.region(settings.region), arguments)
    except (ClusterFileError, ListenError) as error:
        print(f"router: {error}", file=sys.stderr)
        return 2
    fields = {"router": settings.region, "process": "parent"}
    configure_logs(level=cluster.settings.log_level, as_json=settings.log_json, fields=fields)
    parent = ParentProcess(serving)
    status = parent.run()
    if status:
        print(f"router: {parent.reason}", file=sys.stderr)
    return status


def _served(settings: "RouterSettings", region: "RegionEntry", arguments: Sequence[str]) -> "list[Serving]":
    """Bind the sockets, and say which processes inherit which. Raises ListenError."""
    from router.http.listening import listening
    from router.parent.core import Place
    from router.parent.process import Serving
    from wire.cluster import listen_address

    host, _, port = listen_address(region.http, settings.listen).rpartition(":")
    if settings.workers > 1:
        # Where several of ours share a port, the kernel would share it with others who do the same: it must be nobody's now.
        listening(host, int(port)).close()
    served = [
        Serving(
            place=Place(f"http-{number}", overlaps=True),
            arguments=[*arguments, "--part", "http", "--worker", str(number)],
            http=listening(host, int(port), shared=settings.workers > 1),
            metrics=_metrics(settings, number),
        )
        for number in range(settings.workers)
    ]
    # It binds its own address: shippers wait for it to come back.
    gateway = [*arguments, "--part", "gateway"]
    metrics = _metrics(settings, settings.workers)
    return [*served, Serving(place=Place("gateway", overlaps=False), arguments=gateway, metrics=metrics)]


def _metrics(settings: "RouterSettings", number: int) -> "socket.socket | None":
    """Listen where the process of that number tells its metrics, if a port was asked for. Raises ListenError."""
    from router.http.listening import ListenError, listening

    if settings.metrics is None:
        return None
    host, _, port = settings.metrics.rpartition(":")
    # Without a host one would listen everywhere, which has to be said.
    if not host or not port.isdigit():
        raise ListenError(f"--metrics {settings.metrics}: expected HOST:PORT, as in 127.0.0.1:9100")
    return listening(host, int(port) + number if int(port) else 0, purpose=" for metrics")


if __name__ == "__main__":
    main()
