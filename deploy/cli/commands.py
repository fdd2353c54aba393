"""All commands of `globetable`, and those that only look."""

import asyncio
import shlex
import sys
from typing import Annotated

import typer

from deploy.cli import cluster_file, faults, held, indexes, lifecycle
from deploy.cli.console import fail, output, print_json
from deploy.cli.options import JsonOption, on_cluster
from deploy.targets.target import Target

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
held.add_to(faults.link)
app.add_typer(faults.link, name="link")
app.add_typer(indexes.index, name="index")


@app.command()
@on_cluster
def status(cluster: Target, as_json: JsonOption = False) -> None:
    """Show regions, nodes, who leads which partitions, and the lag of every replication link."""
    from deploy.cli.status import gathered_status

    report = asyncio.run(gathered_status(cluster))
    if as_json:
        print_json(report)
        return
    from deploy.cli.tables import link_table, region_tables

    for table in region_tables(report):
        output().print(table)
    output().print(link_table(report))


@app.command()
@on_cluster
def env(
    cluster: Target,
    region: Annotated[
        str | None, typer.Argument(metavar="[REGION]", help="The region to talk to (default: the first).")
    ] = None,
) -> None:
    """Print shell lines that point boto3 and the AWS CLI at a region: eval "$(globetable env)"."""
    spec = cluster.spec
    chosen = next((each for each in spec.regions if region in (None, each.name)), None)
    if chosen is None:
        fail(f"no region {region!r}; this cluster has {', '.join(each.name for each in spec.regions)}")
    endpoint = cluster.endpoint(chosen.name)
    if not endpoint:
        fail(
            f"{chosen.name} has no endpoint: start its router with `globetable router start {chosen.name}{cluster.options}`"
        )
    if spec.credentials:
        _print_export("AWS_ACCESS_KEY_ID", spec.credentials[0].access_key_id)
        _print_export("AWS_SECRET_ACCESS_KEY", spec.credentials[0].secret_access_key)
        # A token left over from another login would be sent beside these keys, and is refused.
        sys.stdout.write("unset AWS_SESSION_TOKEN\n")
    # The AWS CLI and most SDKs prefer AWS_REGION, boto3 reads AWS_DEFAULT_REGION.
    _print_export("AWS_REGION", chosen.name)
    _print_export("AWS_DEFAULT_REGION", chosen.name)
    _print_export("AWS_ENDPOINT_URL_DYNAMODB", f"http://{endpoint}")
    _print_export("AWS_ENDPOINT_URL_DYNAMODB_STREAMS", f"http://{endpoint}")


def _print_export(name: str, value: str) -> None:
    sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


@app.command()
@on_cluster
def logs(
    cluster: Target,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A node id or REGION-router (default: all).")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines from the end of each log.")] = 20,
) -> None:
    """Show what processes have logged."""
    names = cluster.names() if name is None else [name]
    for each in names:
        cluster.known(each)
    for process, line in cluster.logged(names, lines, follow=follow):
        text = line.decode(errors="replace")
        sys.stdout.write(f"{process} | {text}\n" if len(names) > 1 else f"{text}\n")
        if follow:
            sys.stdout.flush()
