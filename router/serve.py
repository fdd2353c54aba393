"""Where a process of a router that serves begins, started by its parent. Imports only the part that it is."""

import socket
import sys
from collections.abc import Sequence

from router.http.listening import ListenError
from router.parent.child import Lifeline, inherited_line, tell_failure
from router.parent.core import CANNOT_START
from router.part import PartOfRouter, run_part
from router.settings import Part, RouterSettings, parse_arguments
from wire.cluster import ClusterFileError, ClusterSpec, load_cluster
from wire.garbage import rarely_collected
from wire.grpc_tuning import tune_grpc
from wire.telemetry import configure_logs


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a process of a router; return its exit status: 2 when it cannot start, and then its parent knows why."""
    settings = parse_arguments(arguments)
    line = inherited_line()
    rarely_collected()
    tune_grpc()
    import uvloop

    try:
        uvloop.run(_serve(settings, line))
    except (ClusterFileError, ListenError) as error:
        tell_failure(line, str(error))
        return CANNOT_START
    return 0


async def _serve(settings: RouterSettings, line: socket.socket) -> None:
    """Serve one part of a router until its parent or a signal ends it. Raises ClusterFileError or ListenError when it cannot start."""
    cluster = load_cluster(settings.cluster)
    _configure_logs(settings, cluster)
    await run_part(_part(settings, cluster, Lifeline(line)))


def _part(settings: RouterSettings, cluster: ClusterSpec, lifeline: Lifeline) -> PartOfRouter:
    if settings.part is Part.GATEWAY:
        from router.region_gateway import GatewayPart

        return GatewayPart(settings, cluster, lifeline)
    from router.main import HttpPart

    return HttpPart(settings, cluster, lifeline)


def _configure_logs(settings: RouterSettings, cluster: ClusterSpec) -> None:
    fields = {"router": settings.region}
    if settings.part is Part.GATEWAY:
        fields["process"] = "gateway"
    elif settings.workers > 1:
        fields["worker"] = str(settings.worker)
    configure_logs(level=cluster.settings.log_level, as_json=settings.log_json, fields=fields)


if __name__ == "__main__":
    sys.exit(main())
