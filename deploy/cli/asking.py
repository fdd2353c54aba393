"""Ask a cluster's nodes and gateways: from here, or from beside them where their addresses mean nothing here.

In the second case a small program of this package (`deploy.cli.relay`) runs in a container of each region and passes answers on.
"""

import asyncio
import base64
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from deploy.cli.admin import ControlRefused, list_held, node_statuses, release_held, set_link
from deploy.targets.target import Inside, NobodyAwake, Target, TargetError
from wire.catalog import LinkSpec
from wire.catalog_changes import SetLink, encode_change
from wire.cluster import NodeEntry
from wire.commands import Ahead
from wire.v1 import admin_pb2

RELAY = ("-m", "deploy.cli.relay")

_Answer = TypeVar("_Answer")


async def statuses(cluster: Target, nodes: Iterable[NodeEntry]) -> dict[str, admin_pb2.NodeStatus | None]:
    """Ask nodes of any regions at once; None for those that do not answer in time."""
    nodes = list(nodes)
    inside = cluster.inside
    if inside is None:
        return await node_statuses(nodes)
    regions = {region.name: [node.id for node in nodes if region.node(node.id)] for region in cluster.spec.regions}
    answers = await asyncio.gather(
        *(asyncio.to_thread(_relayed_statuses, inside, name, wanted) for name, wanted in regions.items() if wanted)
    )
    return {node: status for region in answers for node, status in region.items()}


async def change_link(cluster: Target, source: str, link: LinkSpec) -> None:
    """Make `source`'s catalog hold the link's new state. Raises TargetError."""
    if cluster.inside is None:
        try:
            await set_link(cluster.spec, source, link)
        except ControlRefused as error:
            raise TargetError(str(error)) from None
        return
    change = base64.b64encode(encode_change(SetLink(link=link))).decode()
    answer = await asyncio.to_thread(cluster.inside.run, source, [*RELAY, "link", source, change])
    if refusal := msgspec.json.decode(answer, type=str):
        raise TargetError(refusal)


async def held(
    cluster: Target, source: str, destination: str, limit: int
) -> dict[str, admin_pb2.ListHeldAnswer | None]:
    """Ask every node of a region for the changes that another (empty = any) holds back; None for those that do not answer."""
    nodes = cluster.spec.region(source).nodes
    if cluster.inside is None:
        answers = await asyncio.gather(*(list_held(node, destination, limit) for node in nodes))
        return {node.id: answer for node, answer in zip(nodes, answers, strict=True)}
    found = await _inside(cluster.inside, source, ["held", source, destination, str(limit)], dict[str, bytes | None])
    return {node: None if said is None else admin_pb2.ListHeldAnswer.FromString(said) for node, said in found.items()}


async def release(cluster: Target, source: str, destination: str, ahead: Ahead) -> dict[str, int | None]:
    """Have every node of a region carry out a decision on them; None for those that do not answer."""
    nodes = cluster.spec.region(source).nodes
    if cluster.inside is None:
        answers = await asyncio.gather(*(release_held(node, destination, ahead) for node in nodes))
        return {node.id: answer for node, answer in zip(nodes, answers, strict=True)}
    words = ["release", source, destination, str(int(ahead))]
    return await _inside(cluster.inside, source, words, dict[str, int | None])


async def _inside(inside: Inside, region: str, words: Sequence[str], kind: type[_Answer]) -> _Answer:
    return msgspec.json.decode(await asyncio.to_thread(inside.run, region, [*RELAY, *words]), type=kind)


def _relayed_statuses(inside: Inside, region: str, nodes: Sequence[str]) -> dict[str, admin_pb2.NodeStatus | None]:
    try:
        answer = inside.run(region, [*RELAY, "status", *nodes])
    except NobodyAwake:
        return dict.fromkeys(nodes)
    found = msgspec.json.decode(answer, type=dict[str, bytes | None])
    return {node: None if said is None else admin_pb2.NodeStatus.FromString(said) for node, said in found.items()}
