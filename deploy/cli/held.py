"""`link held` and `link release`: changes that a region holds back because their versions are too far ahead of its clock."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from deploy.cli.console import fail, people
from deploy.cli.options import on_cluster
from deploy.targets.target import Target
from wire.commands import Ahead
from wire.versions import Version

if TYPE_CHECKING:
    from rich.table import Table

    from wire.v1 import admin_pb2

SHOWN_MAX = 100

_MEANINGS = """\b
--accept  The destination takes them in spite of their time. Every region then has what the source has.
--drop    The destination drops them, and what it has instead wins everywhere, also at the source: an item it does not
          have is deleted there, with all that was written to it since.

Versions never go down, so either way these items keep versions ahead of time: later writes to them, in any region, get versions just
above and are replicated like all others. With more than two regions, release them for every destination that holds them."""

SourceOption = Annotated[str, typer.Argument(metavar="[SOURCE]", help="The region that wrote them; without it, any.")]
DestinationOption = Annotated[
    str, typer.Argument(metavar="[DESTINATION]", help="The region that holds them back; without it, any.")
]


class HeldView(msgspec.Struct, frozen=True):
    """One change that is held back."""

    source: str
    destination: str
    table: str
    key: str
    version: str
    ahead_seconds: float
    waiting_seconds: float


@on_cluster
def link_held(
    cluster: Target,
    source: SourceOption = "",
    destination: DestinationOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a list.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="How many to show of each node.")
    ] = SHOWN_MAX,
) -> None:
    """List changes that a region holds back, because their versions are ahead of its clock by more than max_clock_skew_ms.

    They were written while a whole region's clocks were wrong. Each goes by itself once its time has come; see `link release`.
    """
    views, total = _gathered(cluster, source, destination, limit)
    if as_json:
        print(msgspec.json.encode(views).decode())
        return
    if views:
        people().print(_table(views))
    people().print(f"{total} changes are held back" + (f", {len(views)} are shown" if len(views) < total else ""))


@on_cluster
def link_release(
    cluster: Target,
    source: SourceOption = "",
    destination: DestinationOption = "",
    accept: Annotated[bool, typer.Option("--accept", help="Have the destination take them now.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Let what the destination has win.")] = False,
) -> None:
    """Decide about all changes that are held back now, instead of waiting for their time."""
    from deploy.cli.asking import release

    if accept == drop:
        fail("say either --accept or --drop; `globetable link release --help` tells what they mean")
    decision = Ahead.ACCEPT if accept else Ahead.OVERRULE
    released = 0
    for region in _sources(cluster, source):
        counts = asyncio.run(release(cluster, region, destination, decision))
        released += sum(count or 0 for count in counts.values())
    people().print(f"{released} changes: {'accepted' if accept else 'dropped'} as soon as their region has them")


def add_to(link: typer.Typer) -> None:
    """Add both commands to `link`."""
    link.command("held")(link_held)
    link.command("release", epilog=_MEANINGS)(link_release)


def _sources(cluster: Target, source: str) -> list[str]:
    return [cluster.spec.region(source).name] if source else [region.name for region in cluster.spec.regions]


def _gathered(cluster: Target, source: str, destination: str, limit: int) -> tuple[list[HeldView], int]:
    from deploy.cli.asking import held

    views: list[HeldView] = []
    total = 0
    for region in _sources(cluster, source):
        for answer in asyncio.run(held(cluster, region, destination, limit)).values():
            if answer is not None:
                views += [_view(region, item) for item in answer.items]
                total += answer.total
    return views, total


def _view(source: str, item: "admin_pb2.HeldItem") -> HeldView:
    time = datetime.fromtimestamp(Version(item.time, item.region).wall_ms / 1_000, UTC)
    return HeldView(
        source=source,
        destination=item.destination,
        table=item.table_name,
        key=item.key,
        version=time.isoformat(timespec="milliseconds"),
        ahead_seconds=round(item.ahead_seconds, 3),
        waiting_seconds=round(item.waiting_seconds, 3),
    )


def _table(views: list[HeldView]) -> "Table":
    from rich.table import Table  # only imported by commands that use it

    table = Table(expand=False)
    for heading in ("source", "destination", "table", "key", "version", "ahead", "waiting"):
        table.add_column(heading, justify="right" if heading in ("ahead", "waiting") else "left")
    for view in views:
        times = (f"{view.ahead_seconds:.1f} s", f"{view.waiting_seconds:.1f} s")
        table.add_row(view.source, view.destination, view.table, view.key, view.version, *times)
    return table
