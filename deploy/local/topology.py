"""Compose the cluster file of a local cluster: region names, node ids, zones and loopback addresses. Pure."""

from collections.abc import Iterator

import msgspec

from wire.cluster import ACCOUNT_ID, REGION_NAME, ClusterSpec, Credential, NodeEntry, RegionEntry, Settings

HOST = "127.0.0.1"

# The order in which `--regions 3` takes names; all are names that botocore accepts for DynamoDB.
REGION_NAMES = (
    "us-east-1",
    "eu-west-1",
    "ap-northeast-1",
    "us-west-2",
    "eu-central-1",
    "ap-southeast-2",
    "sa-east-1",
    "ca-central-1",
)

# For the demo on loopback only; `--access-key-id` and `--secret-access-key` set others.
DEMO_CREDENTIAL = Credential("AKIAGLOBETABLE000001", "globetable/demo/secret/on/loopback/only0")


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What a person asks of `globetable up`."""

    regions: tuple[str, ...] = REGION_NAMES[:3]
    nodes_per_region: int = 3
    settings: Settings = Settings()
    credential: Credential = DEMO_CREDENTIAL


def composed_cluster(cluster_id: str, layout: Layout, http_ports: list[int], inner_ports: Iterator[int]) -> ClusterSpec:
    """Return the cluster of that layout: `http_ports` one per region, `inner_ports` for gateways and nodes."""
    regions = tuple(
        _composed_region(number, name, layout.nodes_per_region, http_port, inner_ports)
        for number, (name, http_port) in enumerate(zip(layout.regions, http_ports, strict=True), start=1)
    )
    settings = msgspec.structs.replace(layout.settings, replicas=min(layout.settings.replicas, layout.nodes_per_region))
    return ClusterSpec(cluster_id=cluster_id, regions=regions, credentials=(layout.credential,), settings=settings)


def account_id(text: str) -> str:
    """Read `--account-id`. Raises ValueError with a line for the operator."""
    if not ACCOUNT_ID.fullmatch(text):
        raise ValueError(f"--account-id {text!r}: expected twelve digits, as in {Settings().account_id}")
    return text


def region_names(text: str) -> tuple[str, ...]:
    """Read `--regions`: a count, or names separated by commas. Raises ValueError with a line for the operator."""
    if text.isdigit():
        if not 1 <= int(text) <= len(REGION_NAMES):
            raise ValueError(
                f"--regions {text}: expected 1 to {len(REGION_NAMES)}, or region names separated by commas"
            )
        return REGION_NAMES[: int(text)]
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or len(set(names)) != len(names):
        raise ValueError(f"--regions {text!r}: expected a count, or distinct region names separated by commas")
    for name in names:
        if not REGION_NAME.fullmatch(name):
            raise ValueError(f"region name {name!r}: expected small letters, digits and hyphens, as in us-east-1")
    return names


def router_name(region: str) -> str:
    """Return the process name of a region's router."""
    return f"{region}-router"


def _composed_region(number: int, name: str, nodes: int, http_port: int, ports: Iterator[int]) -> RegionEntry:
    return RegionEntry(
        name=name,
        number=number,
        http=f"{HOST}:{http_port}",
        gateway=f"{HOST}:{next(ports)}",
        nodes=tuple(
            NodeEntry(id=f"{name}-{n}", zone=f"{name}{chr(ord('a') + n - 1)}", address=f"{HOST}:{next(ports)}")
            for n in range(1, nodes + 1)
        ),
    )
