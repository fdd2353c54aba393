"""All commands of `globetable`, and those that only look."""

import asyncio
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli import cluster_file, faults, indexes, lifecycle
from deploy.cli.console import fail, output, print_json
from deploy.cli.options import DataOption, JsonOption, opened

FOLLOW_SECONDS = 0.2

app = typer.Typer(
    help="A distributed, replicated store with global tables that speaks the DynamoDB API. Start it, break it, watch it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(lifecycle.up)
app.command()(lifecycle.down)
app.command()(lifecycle.dev)
app.command()(cluster_file.cluster_file)
app.add_typer(faults.node, name="node")
app.add_typer(faults.router, name="router")
app.add_typer(faults.link, name="link")
app.add_typer(indexes.index, name="index")


@app.command()
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show regions, nodes, who leads which partitions, and the lag of every replication link."""
    from deploy.cli.status import gathered_status

    report = asyncio.run(gathered_status(opened(data)))
    if as_json:
        print_json(report)
        return
    from deploy.cli.tables import link_table, region_tables

    for table in region_tables(report):
        output().print(table)
    output().print(link_table(report))


@app.command()
def env(
    region: Annotated[
        str | None, typer.Argument(metavar="[REGION]", help="The region to talk to (default: the first).")
    ] = None,
    data: DataOption = None,
) -> None:
    """Print shell lines that point boto3 and the AWS CLI at a region: eval "$(globetable env)"."""
    spec = opened(data).spec
    chosen = next((each for each in spec.regions if region in (None, each.name)), None)
    if chosen is None:
        fail(f"no region {region!r}; this cluster has {', '.join(each.name for each in spec.regions)}")
    if spec.credentials:
        _print_export("AWS_ACCESS_KEY_ID", spec.credentials[0].access_key_id)
        _print_export("AWS_SECRET_ACCESS_KEY", spec.credentials[0].secret_access_key)
    # The AWS CLI and most SDKs prefer AWS_REGION, boto3 reads AWS_DEFAULT_REGION.
    _print_export("AWS_REGION", chosen.name)
    _print_export("AWS_DEFAULT_REGION", chosen.name)
    _print_export("AWS_ENDPOINT_URL_DYNAMODB", f"http://{chosen.http}")
    _print_export("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", f"http://{chosen.http}")


def _print_export(name: str, value: str) -> None:
    sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@app.command()
def logs(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A node id or REGION-router (default: all).")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines from the end of each log.")] = 20,
    data: DataOption = None,
) -> None:
    """Show what processes have logged."""
    cluster = opened(data)
    if name is not None and name not in cluster.names():
        fail(f"no process {name!r}; this cluster has {', '.join(cluster.names())}")
    names = [name] if name is not None else cluster.names()
    paths = {each: cluster.processes.log_path(each) for each in names}
    offsets = {}
    for each, path in paths.items():
        text = path.read_bytes() if path.exists() else b""
        offsets[each] = len(text)
        _print_lines(each, text.splitlines()[-lines:] if lines else [], len(names) > 1)
    while follow:
        time.sleep(FOLLOW_SECONDS)
        for each, path in paths.items():
            offsets[each] = _follow(each, path, offsets[each], len(names) > 1)


def _follow(name: str, path: Path, offset: int, named: bool) -> int:
    if not path.exists():
        return offset
    with path.open("rb") as log:
        log.seek(offset)
        text = log.read()
    complete = text[: text.rfind(b"\n") + 1]
    _print_lines(name, complete.splitlines(), named)
    return offset + len(complete)


def _print_lines(name: str, lines: list[bytes], named: bool) -> None:
    for line in lines:
        text = line.decode(errors="replace")
        sys.stdout.write(f"{name} | {text}\n" if named else f"{text}\n")
    sys.stdout.flush()
