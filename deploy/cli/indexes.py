"""`index`: verify global secondary indexes."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.console import EXIT_FAILURE, fail, output, people, print_json
from deploy.cli.options import DataOption, JsonOption, opened
from wire.cluster import ClusterFileError, RegionEntry

if TYPE_CHECKING:
    from deploy.cli.scrub import ScrubReport

PATIENCE_SECONDS = 60.0

index = typer.Typer(help="Verify global secondary indexes.", no_args_is_help=True)


@index.command("scrub")
def index_scrub(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The table's name.")],
    name: Annotated[str, typer.Argument(metavar="INDEX", help="The global index's name.")],
    region: Annotated[str | None, typer.Option("--region", help="Where (default: the first region).")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold an index against its table while both go on; exit with 1 when a row is missing, too many or differs."""
    # gRPC is only imported by commands that use it.
    from deploy.cli.region_reader import RegionReader, RegionUnreadable
    from deploy.cli.scrub import NothingToScrub, scrubbed

    spec = opened(data).spec

    async def scrub(entry: RegionEntry) -> "ScrubReport":
        async with RegionReader(entry, patience_seconds=PATIENCE_SECONDS) as reader:
            return await scrubbed(reader, table, name)

    try:
        entry = spec.regions[0] if region is None else spec.region(region)
        with people().status(f"reading {table} and {name} in {entry.name}"):
            report = asyncio.run(scrub(entry))
    except (ClusterFileError, NothingToScrub, RegionUnreadable) as error:
        fail(str(error))
    if as_json:
        print_json(report)
    else:
        _print(report)
    if not report.is_clean:
        raise typer.Exit(EXIT_FAILURE)


def _print(report: "ScrubReport") -> None:
    console = output()
    console.print(f"{report.table} / {report.index} in {report.region}: {report.items} items, {report.rows} rows")
    if report.is_clean:
        console.print("[green]the index is as its table has it[/green]")
        return
    console.print(
        f"[red]{report.missing} missing, {report.extra} extra, {report.differing} differing[/red]"
        + (f", {report.unjudged} written whenever they were looked at" if report.unjudged else "")
    )
    for each in report.examples:
        console.print(f"  {each.kind}: {each.key}", markup=False)
        console.print(f"    expected {each.expected}", markup=False)
        console.print(f"    found    {each.found}", markup=False)
