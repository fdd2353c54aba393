"""Compose the cluster file of containers: addresses from patterns of names, fixed by the first start as far as data depend on it. Pure."""

from itertools import repeat

import msgspec

from deploy.local.topology import Layout, composed_cluster
from wire.cluster import ClusterSpec, NodeEntry, RegionEntry


class AddressPatterns(msgspec.Struct, frozen=True, kw_only=True):
    """How processes are reached: `{region}`, `{node}` (its id) and `{number}` (in its region, from 1, or from 0 as `{ordinal}`) stand
    for what they say.

    The default is Docker Compose's: a node is reached under a name that exists in its region's network only, a router under its
    service's name, in every network that it is in.
    """

    node: str = "{node}.{region}:7001"
    gateway: str = "{region}-router:7100"
    http: str = "{region}-router:8000"


def named_cluster(cluster_id: str, layout: Layout, patterns: AddressPatterns) -> ClusterSpec:
    """Return the cluster of that layout under those names. Raises ValueError when a pattern has an unknown word."""
    numbered = composed_cluster(cluster_id, layout, [0] * len(layout.regions), repeat(0))
    regions = tuple(_named_region(region, patterns) for region in numbered.regions)
    return msgspec.structs.replace(numbered, regions=regions)


def renewed_cluster(present: ClusterSpec, wanted: ClusterSpec) -> ClusterSpec:
    """Return `wanted` under the id of `present`, whose data it goes on with. Raises ValueError if data were made with something else.

    Credentials and settings may change. Regions, nodes and the count of partitions may not: groups were formed from them.
    """
    fixed = {
        "regions": (
            [(region.name, region.number) for region in present.regions],
            [(region.name, region.number) for region in wanted.regions],
        ),
        "nodes": (
            [node for region in present.regions for node in region.nodes],
            [node for region in wanted.regions for node in region.nodes],
        ),
        "partitions": (present.settings.partitions, wanted.settings.partitions),
    }
    for what, (found, asked) in fixed.items():
        if found != asked:
            raise ValueError(f"this cluster was made with {what} {_told(found)}, not {_told(asked)}")
    return msgspec.structs.replace(wanted, cluster_id=present.cluster_id)


def _named_region(region: RegionEntry, patterns: AddressPatterns) -> RegionEntry:
    return RegionEntry(
        name=region.name,
        number=region.number,
        http=_filled(patterns.http, region=region.name),
        gateway=_filled(patterns.gateway, region=region.name),
        nodes=tuple(
            _named_node(region.name, number, node, patterns) for number, node in enumerate(region.nodes, start=1)
        ),
    )


def _named_node(region: str, number: int, node: NodeEntry, patterns: AddressPatterns) -> NodeEntry:
    words = {"region": region, "node": node.id, "number": str(number), "ordinal": str(number - 1)}
    return NodeEntry(id=node.id, zone=node.zone, address=_filled(patterns.node, **words))


def _filled(pattern: str, **words: str) -> str:
    try:
        return pattern.format_map(words)
    except (KeyError, IndexError, ValueError):
        known = ", ".join(f"{{{word}}}" for word in words)
        raise ValueError(f"address pattern {pattern!r}: expected host:port with {known}") from None


def _told(value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    return ", ".join(each.id if isinstance(each, NodeEntry) else each[0] for each in value)
