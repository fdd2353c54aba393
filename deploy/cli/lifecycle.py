"""`up`, `down`, `dev`: start and stop whole clusters.

Read for every command, so what only a command does when it runs is imported then.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.console import fail, people
from deploy.cli.options import DataOption, JsonOption, data_folder
from deploy.local.errors import LocalClusterError
from wire.cluster import REGION_NAME, ControlPlane, Settings, WordingOfErrors

ControlPlaneOption = typer.Option(
    help="How long tables take to be made, changed and dropped: no time (the default), or a few seconds, as on AWS."
)

WordingOption = typer.Option(
    help="How refused requests are worded: as most of AWS since 2026 (current, the default), or as before (classic)."
)

AccountOption = typer.Option(
    help=f"The account in ARNs; any other is somebody else's (default: {Settings().account_id})."
)


def up(
    regions: Annotated[
        str | None, typer.Option(help="How many regions, or their names separated by commas (default: 3).")
    ] = None,
    nodes: Annotated[
        int | None, typer.Option(min=1, max=26, help="Storage nodes per region, each in its own zone (default: 3).")
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, max=4096, help=f"Data partitions per region (default: {Settings().partitions})."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_000,
            help="First endpoint port, one per region from there; 0 = any free (default: 8001 and up where free).",
        ),
    ] = None,
    data: DataOption = None,
    access_key_id: Annotated[
        str | None, typer.Option(help="Access key of a new cluster (default: the demo's).")
    ] = None,
    secret_access_key: Annotated[
        str | None, typer.Option(help="Secret of a new cluster (default: the demo's).")
    ] = None,
    signatures: Annotated[
        bool | None, typer.Option(help="Whether requests must be signed (default: they must).")
    ] = None,
    control_plane: Annotated[ControlPlane | None, ControlPlaneOption] = None,
    validation_wording: Annotated[WordingOfErrors | None, WordingOption] = None,
    account_id: Annotated[str | None, AccountOption] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once every region is ready.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start a cluster: three regions of three storage nodes and a router each, unless told otherwise.

    Stays in the foreground and stops everything on Ctrl-C, unless --detach is given. Run again on the same data directory, it starts
    what does not run and keeps the data; sizes and names are fixed by the first run.
    """
    from deploy.cli.startup import Asked, bring_up

    asked = Asked(
        regions=regions,
        nodes=nodes,
        partitions=partitions,
        port=port,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        signatures=signatures,
        control_plane=control_plane,
        validation_wording=validation_wording,
        account_id=account_id,
    )
    bring_up(data_folder(data), asked, detach=detach, as_json=as_json)


def down(
    data: DataOption = None,
    delete_data: Annotated[bool, typer.Option("--delete-data", help="Remove the data directory as well.")] = False,
) -> None:
    """Stop every process of the cluster. The data stays, unless --delete-data is given."""
    from deploy.local.cluster import stop_processes
    from deploy.local.folder import ClusterFolder
    from deploy.local.interruption import interruptible
    from deploy.local.processes import ProcessTable

    home = ClusterFolder(data_folder(data))
    processes = ProcessTable(home.path)
    try:
        with interruptible(), home.changing():
            # What runs is stopped whether there is a cluster file that says so or not; what is left of a file can be deleted.
            if not processes.names() and not delete_data:
                home.require_cluster()
            with people().status("stopping every process"):
                killed = stop_processes(processes)
            if delete_data:
                home.require_ours()
                home.delete()
    except (LocalClusterError, OSError) as error:
        fail(str(error))
    for name in killed:
        people().print(f"{name} did not stop in time and was killed")
    people().print("stopped; the data is gone" if delete_data else f"stopped; the data stays in {home.path}")


def dev(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="HTTP port; 0 = any free one.")] = 8000,
    data: Annotated[Path | None, typer.Option(help="Keep the data in this folder (default: a temporary one).")] = None,
    region: Annotated[str, typer.Option(help="The region's name.")] = "us-east-1",
    control_plane: Annotated[ControlPlane, ControlPlaneOption] = "instant",
    validation_wording: Annotated[WordingOfErrors, WordingOption] = "current",
    account_id: Annotated[str, AccountOption] = Settings().account_id,
) -> None:
    """Run one region in one process, signatures off: for tests and laptops. Ready in well under a second; Ctrl-C ends it."""
    from deploy.local.embedded import run_embedded

    if not REGION_NAME.fullmatch(region):
        fail(f"region name {region!r}: expected small letters, digits and hyphens, as in us-east-1")
    try:
        asyncio.run(
            run_embedded(
                port=port,
                data=data,
                region=region,
                control_plane=control_plane,
                validation_wording=validation_wording,
                account=account_id,
            )
        )
    except (LocalClusterError, OSError, ValueError) as error:
        fail(str(error))
