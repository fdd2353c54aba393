"""`node`, `router` and `link`: break single things on purpose, and mend them."""

import asyncio
from typing import Annotated

import typer

from deploy.cli.console import EXIT_FAILURE, fail, people, print_json
from deploy.cli.options import DataOption, JsonOption, on_cluster, opened
from deploy.local.topology import router_name
from deploy.targets.target import Target
from wire.catalog import LinkSpec, LinkState

node = typer.Typer(help="Kill, stop, start, pause, resume and scrub single storage nodes.", no_args_is_help=True)
router = typer.Typer(help="Kill, stop, start and restart a region's router.", no_args_is_help=True)
link = typer.Typer(help="Cut, heal, delay and pause replication links, one direction at a time.", no_args_is_help=True)

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node id, as `globetable status` shows it.")]
RegionArgument = Annotated[str, typer.Argument(metavar="REGION", help="A region's name.")]
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="The region that sends.")]
DestinationArgument = Annotated[str, typer.Argument(metavar="DESTINATION", help="The region that receives.")]
BothOption = Annotated[bool, typer.Option("--both", help="Both directions.")]


@node.command("kill")
@on_cluster
def node_kill(cluster: Target, node_id: NodeArgument) -> None:
    """Kill a node with SIGKILL: no goodbye, as in a power cut of its process."""
    _do(cluster, node_id, "kill")


@node.command("stop")
@on_cluster
def node_stop(cluster: Target, node_id: NodeArgument) -> None:
    """Stop a node with SIGTERM: it hands its leaderships over first."""
    _do(cluster, node_id, "stop")


@node.command("start")
@on_cluster
def node_start(cluster: Target, node_id: NodeArgument) -> None:
    """Start a node that was killed or stopped, on the data it had."""
    _do(cluster, node_id, "start")


@node.command("pause")
@on_cluster
def node_pause(cluster: Target, node_id: NodeArgument) -> None:
    """Freeze a node with SIGSTOP, as a long pause of its machine would; `resume` lets it go on."""
    _do(cluster, node_id, "pause")


@node.command("resume")
@on_cluster
def node_resume(cluster: Target, node_id: NodeArgument) -> None:
    """Let a frozen node go on."""
    _do(cluster, node_id, "resume")


@node.command("scrub")
def node_scrub(
    node_id: Annotated[
        str | None, typer.Argument(metavar="[NODE]", help="A node id, as `globetable status` shows it (default: all).")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold everything on a node's disk against its checksums and digests; exit with 1 when anything was wrong.

    What was wrong is being mended then: the replica answers nothing more, and is rebuilt from the others of its partition.
    """
    # gRPC is only imported by commands that use it.
    from deploy.cli.node_scrub import print_reports, scrubbed

    nodes = [each for region in opened(data).spec.regions for each in region.nodes if node_id in (None, each.id)]
    if not nodes:
        fail(f"no node is called {node_id}; `globetable status` shows them")
    with people().status("scrubbing") as progress:
        reports = asyncio.run(scrubbed(nodes, lambda text: progress.update(f"scrubbing: {text}")))
    if as_json:
        print_json(reports)
    else:
        print_reports(reports)
    if not all(report.is_clean for report in reports):
        raise typer.Exit(EXIT_FAILURE)


@router.command("kill")
@on_cluster
def router_kill(cluster: Target, region: RegionArgument) -> None:
    """Kill a region's router with SIGKILL."""
    _do(cluster, router_name(region), "kill")


@router.command("stop")
@on_cluster
def router_stop(cluster: Target, region: RegionArgument) -> None:
    """Stop a region's router: it finishes what it has begun."""
    _do(cluster, router_name(region), "stop")


@router.command("start")
@on_cluster
def router_start(cluster: Target, region: RegionArgument) -> None:
    """Start a region's router."""
    _do(cluster, router_name(region), "start")


@router.command("restart")
@on_cluster
def router_restart(cluster: Target, region: RegionArgument) -> None:
    """Replace what serves for a region by new processes, on the cluster file as it is now; no connection is refused meanwhile."""
    with people().status(f"{region}: replacing its router's processes"):
        done = cluster.restart_router(region)
    if not done:
        fail(_refusal(cluster, router_name(region), "restart"))
    people().print(f"{router_name(region)}: restarted")


@link.command("cut")
@on_cluster
def link_cut(
    cluster: Target,
    source: SourceArgument,
    destination: DestinationArgument,
    both: BothOption = False,
    cable: Annotated[
        bool,
        typer.Option("--cable", help="Take the network itself away, both ways: containers only, and nobody is told."),
    ] = False,
) -> None:
    """Cut the link: nothing passes, connections are refused. Changes wait in the source's stream."""
    if cable:
        _require_two_ends(source, destination)
        with people().status("pulling the cable"):
            cluster.cut_cable(source, destination)
        people().print(f"{source} <-> {destination}: no network")
        return
    _set(cluster, source, destination, both, LinkSpec(destination, LinkState.CUT))


@link.command("heal")
@on_cluster
def link_heal(
    cluster: Target, source: SourceArgument, destination: DestinationArgument, both: BothOption = False
) -> None:
    """Mend a link, whatever was done to it; a cable carries both directions."""
    _require_two_ends(source, destination)
    cluster.mend_cable(source, destination)
    _set(cluster, source, destination, both, LinkSpec(destination, LinkState.UP))


@link.command("pause")
@on_cluster
def link_pause(
    cluster: Target, source: SourceArgument, destination: DestinationArgument, both: BothOption = False
) -> None:
    """Hold a link's shipments back; its connections stay."""
    _set(cluster, source, destination, both, LinkSpec(destination, LinkState.PAUSED))


@link.command("delay")
@on_cluster
def link_delay(
    cluster: Target,
    source: SourceArgument,
    destination: DestinationArgument,
    milliseconds: Annotated[
        int, typer.Argument(metavar="MILLISECONDS", min=1, max=600_000, help="Added to every shipment.")
    ],
    both: BothOption = False,
) -> None:
    """Slow a link down by a fixed time; its throughput stays."""
    _set(cluster, source, destination, both, LinkSpec(destination, LinkState.DELAYED, milliseconds))


_DONE = {"kill": "killed", "stop": "stopped", "start": "started", "pause": "paused", "resume": "resumed"}


def _do(cluster: Target, name: str, verb: str) -> None:
    cluster.known(name)
    with people().status(f"{name}: {verb}"):
        done = getattr(cluster, verb)(name)
    if not done:
        fail(_refusal(cluster, name, verb))
    people().print(f"{name}: {_DONE[verb]}")


def _refusal(cluster: Target, name: str, verb: str) -> str:
    if verb != "start":
        return f"{name} is not running: start it with `globetable {_start_words(cluster, name)}{cluster.options}`"
    if cluster.views()[name].condition == "paused":
        return f"{name} is paused: let it go on with `globetable node resume {name}{cluster.options}`"
    return f"{name} is already running"


def _start_words(cluster: Target, name: str) -> str:
    region = next((region.name for region in cluster.spec.regions if router_name(region.name) == name), None)
    return f"node start {name}" if region is None else f"router start {region}"


def _set(cluster: Target, source: str, destination: str, both: bool, change: LinkSpec) -> None:
    from deploy.cli.asking import change_link  # gRPC is only imported by commands that use it

    cluster.spec.region(source), cluster.spec.region(destination)
    _require_two_ends(source, destination)
    with people().status(f"telling {source}"):
        asyncio.run(change_link(cluster, source, change))
    if both:
        reverse = LinkSpec(source, change.state, change.delay_ms)
        with people().status(f"telling {destination}"):
            asyncio.run(change_link(cluster, destination, reverse))
    arrow = "<->" if both else "->"
    delay = f" by {change.delay_ms} ms" if change.delay_ms else ""
    people().print(f"{source} {arrow} {destination}: {change.state.value}{delay}")


def _require_two_ends(source: str, destination: str) -> None:
    if source == destination:
        fail("a link has two ends: SOURCE and DESTINATION must differ")
