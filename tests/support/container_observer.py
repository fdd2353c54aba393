"""Looks at a cluster of containers from inside its networks: runs in a container of the image, asked line by line.

A request is a JSON object on a line of standard input, its answer one on standard output. Only here do node addresses mean something;
the tests see published ports alone, so they run against any engine.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import grpc
import msgspec

from deploy.cli.admin import dumped_items, node_statuses
from wire.cluster import ClusterSpec, load_cluster

CLUSTER = Path("/etc/globetable/cluster.toml")


async def status(spec: ClusterSpec) -> dict[str, Any]:
    """Return what every node says of itself; null for those that do not answer."""
    answers = await node_statuses(node for region in spec.regions for node in region.nodes)
    return {node: None if answer is None else _told(answer) for node, answer in answers.items()}


def _told(answer: Any) -> dict[str, Any]:
    return {
        "state": answer.state,
        "leads": [each.partition for each in answer.partitions if each.ready],
        "pending": _pending(answer.links),
    }


def _pending(links: Any) -> dict[str, int]:
    pending: dict[str, int] = {}
    for link in links:
        pending[link.destination] = pending.get(link.destination, 0) + link.pending_records
    return pending


async def dump(spec: ClusterSpec, table: str) -> dict[str, list[list[Any]]]:
    """Return every record of a table by region, as its leaders hold it."""
    regions = await asyncio.gather(*(_dump_of(region.nodes, table) for region in spec.regions))
    return {region.name: records for region, records in zip(spec.regions, regions, strict=True)}


async def _dump_of(nodes: Any, table: str) -> list[list[Any]]:
    records = []
    for node in nodes:
        try:
            async for item in dumped_items(node, table, leaders_only=True):
                key = _text(item.partition_key), _text(item.sort_key)
                records.append([*key, item.time, item.region, item.tombstone, _text(item.body)])
        except grpc.aio.AioRpcError as error:
            # It leads nothing then, or its region is seen to hold too little and is asked again.
            print(f"{node.id}: {error.code().name}: {error.details()}", file=sys.stderr, flush=True)
    return records


async def keys(spec: ClusterSpec, node: str, table: str) -> list[str]:
    """Return the partition keys that one node holds of a table, whether or not it leads."""
    entry = next(each for region in spec.regions for each in region.nodes if each.id == node)
    return [_text(item.partition_key) async for item in dumped_items(entry, table, leaders_only=False)]


def is_installing(spec: ClusterSpec, node: str) -> bool:
    """Return whether a node says that it receives a snapshot; no if it does not answer."""
    entry = next(each for region in spec.regions for each in region.nodes if each.id == node)
    try:
        with urlopen(f"http://{entry.address.rpartition(':')[0]}:9100/metrics", timeout=2) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return False
    return any(
        float(line.split()[-1])
        for line in lines
        if line.startswith("globetable_partition_condition{") and 'condition="installing"' in line
    )


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def main() -> None:
    """Answer until standard input ends."""
    spec = load_cluster(CLUSTER)
    for line in sys.stdin:
        request = json.loads(line)
        match request["ask"]:
            case "spec":
                answer: Any = msgspec.to_builtins(spec)
            case "status":
                answer = asyncio.run(status(spec))
            case "dump":
                answer = asyncio.run(dump(spec, request["table"]))
            case "keys":
                answer = asyncio.run(keys(spec, request["node"], request["table"]))
            case "installing":
                answer = is_installing(spec, request["node"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
