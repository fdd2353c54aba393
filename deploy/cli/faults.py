"""`node`, `router` and `link`: break single things on purpose, and mend them."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import fail, people
from deploy.cli.options import DataOption, opened
from deploy.local.errors import LocalClusterError
from deploy.local.topology import router_name
from wire.catalog import LinkSpec, LinkState
from wire.cluster import ClusterFileError

if TYPE_CHECKING:
    from deploy.local.cluster import LocalCluster

node = typer.Typer(help="Kill, stop, start, pause and resume single storage nodes.", no_args_is_help=True)
router = typer.Typer(help="Kill, stop and start a region's router.", no_args_is_help=True)
link = typer.Typer(help="Cut, heal, delay and pause replication links, one direction at a time.", no_args_is_help=True)

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node id, as `globetable status` shows it.")]
RegionArgument = Annotated[str, typer.Argument(metavar="REGION", help="A region's name.")]
SourceArgument = Annotated[str, typer.Argument(metavar="SOURCE", help="The region that sends.")]
DestinationArgument = Annotated[str, typer.Argument(metavar="DESTINATION", help="The region that receives.")]
BothOption = Annotated[bool, typer.Option("--both", help="Both directions.")]


@node.command("kill")
def node_kill(node_id: NodeArgument, data: DataOption = None) -> None:
    """Kill a node with SIGKILL: no goodbye, as in a power cut of its process."""
    _do(opened(data), node_id, "kill")


@node.command("stop")
def node_stop(node_id: NodeArgument, data: DataOption = None) -> None:
    """Stop a node with SIGTERM: it hands its leaderships over first."""
    _do(opened(data), node_id, "stop")


@node.command("start")
def node_start(node_id: NodeArgument, data: DataOption = None) -> None:
    """Start a node that was killed or stopped, on the data it had."""
    _do(opened(data), node_id, "start")


@node.command("pause")
def node_pause(node_id: NodeArgument, data: DataOption = None) -> None:
    """Freeze a node with SIGSTOP, as a long pause of its machine would; `resume` lets it go on."""
    _do(opened(data), node_id, "pause")


@node.command("resume")
def node_resume(node_id: NodeArgument, data: DataOption = None) -> None:
    """Let a frozen node go on."""
    _do(opened(data), node_id, "resume")


@router.command("kill")
def router_kill(region: RegionArgument, data: DataOption = None) -> None:
    """Kill a region's router with SIGKILL."""
    _do(opened(data), router_name(region), "kill")


@router.command("stop")
def router_stop(region: RegionArgument, data: DataOption = None) -> None:
    """Stop a region's router: it finishes what it has begun."""
    _do(opened(data), router_name(region), "stop")


@router.command("start")
def router_start(region: RegionArgument, data: DataOption = None) -> None:
    """Start a region's router."""
    _do(opened(data), router_name(region), "start")


@link.command("cut")
def link_cut(
    source: SourceArgument, destination: DestinationArgument, both: BothOption = False, data: DataOption = None
) -> None:
    """Cut the link: nothing passes, connections are refused. Changes wait in the source's stream."""
    _set(opened(data), source, destination, both, LinkSpec(destination, LinkState.CUT))


@link.command("heal")
def link_heal(
    source: SourceArgument, destination: DestinationArgument, both: BothOption = False, data: DataOption = None
) -> None:
    """Mend a link, whatever was done to it."""
    _set(opened(data), source, destination, both, LinkSpec(destination, LinkState.UP))


@link.command("pause")
def link_pause(
    source: SourceArgument, destination: DestinationArgument, both: BothOption = False, data: DataOption = None
) -> None:
    """Hold a link's shipments back; its connections stay."""
    _set(opened(data), source, destination, both, LinkSpec(destination, LinkState.PAUSED))


@link.command("delay")
def link_delay(
    source: SourceArgument,
    destination: DestinationArgument,
    milliseconds: Annotated[
        int, typer.Argument(metavar="MILLISECONDS", min=1, max=600_000, help="Added to every shipment.")
    ],
    both: BothOption = False,
    data: DataOption = None,
) -> None:
    """Slow a link down by a fixed time; its throughput stays."""
    _set(opened(data), source, destination, both, LinkSpec(destination, LinkState.DELAYED, milliseconds))


_DONE = {"kill": "killed", "stop": "stopped", "start": "started", "pause": "paused", "resume": "resumed"}


def _do(cluster: "LocalCluster", name: str, verb: str) -> None:
    try:
        cluster.known(name)
        with people().status(f"{name}: {verb}"):
            done = getattr(cluster, verb)(name)
    except LocalClusterError as error:
        fail(str(error))
    if not done:
        fail(_refusal(cluster, name, verb))
    people().print(f"{name}: {_DONE[verb]}")


def _refusal(cluster: "LocalCluster", name: str, verb: str) -> str:
    if verb != "start":
        return f"{name} is not running"
    if cluster.processes.is_paused(name):
        return f"{name} is paused: let it go on with `globetable node resume {name}`"
    return f"{name} is already running"


def _set(cluster: "LocalCluster", source: str, destination: str, both: bool, change: LinkSpec) -> None:
    from deploy.cli.admin import ControlRefused, set_link  # gRPC is only imported by commands that use it

    try:
        cluster.spec.region(source), cluster.spec.region(destination)
        if source == destination:
            fail("a link has two ends: SOURCE and DESTINATION must differ")
        with people().status(f"telling {source}"):
            asyncio.run(set_link(cluster.spec, source, change))
        if both:
            reverse = LinkSpec(source, change.state, change.delay_ms)
            with people().status(f"telling {destination}"):
                asyncio.run(set_link(cluster.spec, destination, reverse))
    except (ControlRefused, ClusterFileError) as error:
        fail(str(error))
    arrow = "<->" if both else "->"
    delay = f" by {change.delay_ms} ms" if change.delay_ms else ""
    people().print(f"{source} {arrow} {destination}: {change.state.value}{delay}")
