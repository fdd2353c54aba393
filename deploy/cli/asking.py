"""Ask a cluster's nodes and gateways: from here, or from beside them where their addresses mean nothing here.

In the second case a small program of this package (`deploy.cli.relay`) runs in a container of each region and passes answers on.
"""

import asyncio
import base64
from collections.abc import Iterable, Sequence

import msgspec

from deploy.cli.admin import ControlRefused, node_statuses, set_link
from deploy.targets.target import Inside, NobodyAwake, Target, TargetError
from wire.catalog import LinkSpec
from wire.catalog_changes import SetLink, encode_change
from wire.cluster import NodeEntry
from wire.v1 import admin_pb2

RELAY = ("-m", "deploy.cli.relay")


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


def _relayed_statuses(inside: Inside, region: str, nodes: Sequence[str]) -> dict[str, admin_pb2.NodeStatus | None]:
    try:
        answer = inside.run(region, [*RELAY, "status", *nodes])
    except NobodyAwake:
        return dict.fromkeys(nodes)
    found = msgspec.json.decode(answer, type=dict[str, bytes | None])
    return {node: None if said is None else admin_pb2.NodeStatus.FromString(said) for node, said in found.items()}
