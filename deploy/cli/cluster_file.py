"""`cluster-file`: write the cluster file of processes that are reached by name, as containers are.

Read for every command, so what only a command does when it runs is imported then.
"""

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from deploy.cli.console import fail, people
from deploy.containers.topology import AddressPatterns, named_cluster, renewed_cluster
from deploy.targets.target import TargetError
from wire.cluster import ClusterFileError, ControlPlane, Settings, dump_cluster, load_cluster, parse_cluster

if TYPE_CHECKING:
    from wire.cluster import ClusterSpec

_PATTERNS = AddressPatterns()


def cluster_file(
    output: Annotated[
        Path | None, typer.Option(help="Write here, keeping the identity of a file that is there (default: print).")
    ] = None,
    regions: Annotated[
        str, typer.Option(envvar="GLOBETABLE_REGIONS", help="How many regions, or their names separated by commas.")
    ] = "3",
    nodes: Annotated[
        int,
        typer.Option(envvar="GLOBETABLE_NODES", min=1, max=26, help="Storage nodes per region, in zones of their own."),
    ] = 3,
    partitions: Annotated[
        int, typer.Option(envvar="GLOBETABLE_PARTITIONS", min=1, max=4096, help="Data partitions per region.")
    ] = Settings().partitions,
    access_key_id: Annotated[
        str | None, typer.Option(envvar="GLOBETABLE_ACCESS_KEY_ID", help="Access key (default: the demo's).")
    ] = None,
    secret_access_key: Annotated[
        str | None, typer.Option(envvar="GLOBETABLE_SECRET_ACCESS_KEY", help="Its secret (default: the demo's).")
    ] = None,
    signatures: Annotated[
        bool, typer.Option(envvar="GLOBETABLE_SIGNATURES", help="Whether requests must be signed.")
    ] = True,
    control_plane: Annotated[
        ControlPlane,
        typer.Option(envvar="GLOBETABLE_CONTROL_PLANE", help="How long tables take to be made and dropped."),
    ] = "instant",
    replica_source_hold_seconds: Annotated[
        int,
        typer.Option(
            envvar="GLOBETABLE_REPLICA_SOURCE_HOLD_SECONDS",
            min=0,
            help="How long a replica that others were copied from may not be removed; 0 lets a lost region go at once.",
        ),
    ] = Settings().replica_source_hold_seconds,
    node_address: Annotated[str, typer.Option(help="Pattern of a node's host:port.")] = _PATTERNS.node,
    gateway_address: Annotated[str, typer.Option(help="Pattern of a gateway's host:port.")] = _PATTERNS.gateway,
    http_address: Annotated[str, typer.Option(help="Pattern of a router's host:port.")] = _PATTERNS.http,
) -> None:
    """Write the cluster file of containers, which find one another by name.

    Patterns know {region}, {node}, {number} and {ordinal}. A file that exists keeps its cluster's identity; credentials and settings
    in it are replaced, and what its data were made with is refused to change.
    """
    from deploy.cli.startup import Asked
    from deploy.local.topology import DEMO_CREDENTIAL

    asked = Asked(
        regions=regions,
        nodes=nodes,
        partitions=partitions,
        port=None,
        access_key_id=access_key_id,
        secret_access_key=secret_access_key,
        signatures=signatures,
        control_plane=control_plane,
    )
    patterns = AddressPatterns(node=node_address, gateway=gateway_address, http=http_address)
    try:
        layout = asked.layout(asked.credential() or DEMO_CREDENTIAL)
        settings = msgspec.structs.replace(layout.settings, replica_source_hold_seconds=replica_source_hold_seconds)
        layout = msgspec.structs.replace(layout, settings=settings)
        spec = named_cluster(str(uuid.uuid4()), layout, patterns)
        if output is None:
            sys.stdout.write(dump_cluster(spec))
        else:
            _write(output, spec)
    except (ClusterFileError, TargetError, ValueError) as error:
        fail(f"{error}")
    except OSError as error:
        fail(f"cannot write {output}: {error.strerror}")


def _write(path: Path, spec: "ClusterSpec") -> None:
    from deploy.local.files import write_whole
    from deploy.local.folder import ClusterFolder

    # Of two at once, the second must keep the identity that the first has made.
    with ClusterFolder(path.absolute().parent).changing():
        if path.exists():
            spec = renewed_cluster(load_cluster(path), spec)
        text = dump_cluster(spec)
        parse_cluster(text, str(path))
        write_whole(path, text)
    people().print(f"{path}: cluster {spec.cluster_id}, {', '.join(region.name for region in spec.regions)}")
