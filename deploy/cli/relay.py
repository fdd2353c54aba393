"""The other end of `deploy.cli.asking`: runs beside a cluster's processes, asks them, and prints their answers as JSON.

`status NODE...` prints an object: a node's id to its NodeStatus in base64, or null if it does not answer.
`link SOURCE CHANGE` hands a catalog change (in base64) to the gateway of a region and prints why it refused, or an empty text.
What is passed and printed may come from another version of this project: it is only ever added to.
"""

import asyncio
import base64
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deploy.cli.admin import ControlRefused, control, node_statuses
from wire.cluster import ClusterSpec, load_cluster

CLUSTER_FILE = Path("/etc/globetable/cluster.toml")


def main(arguments: Sequence[str] | None = None, cluster_file: Path = CLUSTER_FILE) -> None:
    """Ask what the command line says."""
    verb, *words = sys.argv[1:] if arguments is None else arguments
    spec = load_cluster(cluster_file)
    answer = asyncio.run(_statuses(spec, words) if verb == "status" else _change(spec, *words))
    sys.stdout.write(msgspec.json.encode(answer).decode())


async def _statuses(spec: ClusterSpec, ids: Sequence[str]) -> object:
    nodes = [node for region in spec.regions for node in region.nodes if node.id in ids]
    found = await node_statuses(nodes)
    return {node: None if said is None else said.SerializeToString() for node, said in found.items()}


async def _change(spec: ClusterSpec, source: str, change: str) -> object:
    try:
        await control(spec, source, base64.b64decode(change))
    except ControlRefused as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
