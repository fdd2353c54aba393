"""The other end of `deploy.cli.asking`: runs beside a cluster's processes, asks them, and prints their answers as JSON.

`status NODE...` prints an object: a node's id to its NodeStatus in base64, or null if it does not answer.
`link SOURCE CHANGE` hands a catalog change (in base64) to the gateway of a region and prints why it refused, or an empty text.
`held SOURCE DESTINATION LIMIT` prints an object: a node's id to its ListHeldAnswer in base64, or null; an empty DESTINATION means any.
`release SOURCE DESTINATION AHEAD` has a decision carried out and prints an object: a node's id to a count, or null.
What is passed and printed may come from another version of this project: it is only ever added to.
"""

import asyncio
import base64
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deploy.cli.admin import ControlRefused, control, list_held, node_statuses, release_held
from wire.cluster import ClusterSpec, load_cluster

CLUSTER_FILE = Path("/etc/globetable/cluster.toml")


def main(arguments: Sequence[str] | None = None, cluster_file: Path = CLUSTER_FILE) -> None:
    """Ask what the command line says."""
    verb, *words = sys.argv[1:] if arguments is None else arguments
    spec = load_cluster(cluster_file)
    answer = asyncio.run(_answered(spec, verb, words))
    sys.stdout.write(msgspec.json.encode(answer).decode())


async def _answered(spec: ClusterSpec, verb: str, words: Sequence[str]) -> object:
    match verb:
        case "status":
            return await _statuses(spec, words)
        case "held":
            return await _held(spec, *words)
        case "release":
            return await _released(spec, *words)
        case _:
            return await _change(spec, *words)


async def _held(spec: ClusterSpec, source: str, destination: str, limit: str) -> object:
    nodes = spec.region(source).nodes
    found = await asyncio.gather(*(list_held(node, destination, int(limit)) for node in nodes))
    answers = (None if said is None else said.SerializeToString() for said in found)
    return {node.id: answer for node, answer in zip(nodes, answers, strict=True)}


async def _released(spec: ClusterSpec, source: str, destination: str, ahead: str) -> object:
    nodes = spec.region(source).nodes
    found = await asyncio.gather(*(release_held(node, destination, int(ahead)) for node in nodes))
    return {node.id: count for node, count in zip(nodes, found, strict=True)}


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
