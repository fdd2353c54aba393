"""`cluster.toml`: which regions, nodes and credentials make up a cluster, and its settings.

The first start forms every consensus group from this file; after that the catalog is the truth and the file only says who runs where.
A mistake in it is a `ClusterFileError`: one line that says what is wrong and where.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from wire.catalog import NodeId, NodeSpec
from wire.limits import ITEM_COLLECTION_BYTES_MAX

ControlPlane = Literal["instant", "aws"]
"""How long tables take to be made, changed and dropped: no time, or a few seconds, with AWS's rests between changes."""
WordingOfErrors = Literal["classic", "current"]
"""How it is said that a request is not in order: as most of AWS's regions do since 2026, or as all did before."""

LogLevel = Literal["debug", "info", "warning", "error"]

# More of anything is a typing error, and would overflow where times become floats.
_MOST: Final = 1 << 48
# Bounds hold for what is read from a file.
Positive = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
Natural = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
Word = Annotated[str, msgspec.Meta(min_length=1)]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}\Z")]

# Names end up in file names, host names, ARNs and shell lines.
REGION_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
ACCOUNT_ID: Final = re.compile(r"[0-9]{12}", re.ASCII)
_NODE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_ADDRESS: Final = re.compile(r"(\S+):([0-9]{1,5})", re.ASCII)
_PORT_MAX: Final = 65_535


class ClusterFileError(Exception):
    """The cluster file cannot be used; the message is one line for the operator."""


class Credential(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An access key that requests may be signed with."""

    access_key_id: Word
    secret_access_key: Word


class NodeEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A storage node: unique id over all regions, its zone, and the host:port of its gRPC server."""

    id: str
    zone: Word
    address: str

    def spec(self) -> NodeSpec:
        """Return the node as the catalog knows it."""
        return NodeSpec(NodeId(self.id), self.zone, self.address)


class Home(NamedTuple):
    """Where what an ARN names is at home: a region, and the account that everything in the cluster belongs to."""

    region: str
    account: str

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of a service here."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


class RegionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A region: its name, its number (1..65535, never reused), its router's HTTP and gateway addresses, its nodes."""

    name: str
    number: int
    http: str
    gateway: str
    nodes: tuple[NodeEntry, ...]

    def node(self, node_id: str) -> NodeEntry | None:
        """Return the node of that id, or None."""
        return next((node for node in self.nodes if node.id == node_id), None)


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be tuned. Times in milliseconds unless the name says otherwise."""

    partitions: int = 6  # data partitions per region, fixed at bootstrap
    replicas: Positive = 3  # per partition; at most the number of nodes
    tick_ms: Positive = 100
    heartbeat_ticks: Positive = 2  # a quiet region is mostly heartbeats; followers learn of commits with them, too
    election_ticks: Positive = 10
    lease_reads: bool = True
    request_timeout_ms: Positive = 10_000
    max_clock_skew_ms: Natural = 60_000  # how far clocks may be apart: a node beyond it stamps nothing, a version waits
    account_id: AccountId = "123456789012"  # that of every ARN; AWS's documentation calls itself so, and moto does
    signatures: bool = True
    signature_skew_seconds: Natural = 900
    map_bytes_initial: Positive = 64 << 20
    log_entries_kept: Natural = 10_000  # entries kept behind the applied index for lagging followers
    stream_retention_seconds: Natural = 24 * 3600
    tombstone_retention_seconds: Natural = 24 * 3600
    tombstone_sweep_seconds: Positive = 60  # between two steps of letting go; longer than a batch can be on its way
    replica_source_hold_seconds: Natural = (
        24 * 3600
    )  # how long a replica that was a source may not be deleted; 0 = no hold
    ttl_sweep_seconds: float = 1.0  # between two looks for items that have expired
    ttl_grace_seconds: Natural = 60  # how long an item that another region wrote last is left to that region to expire
    ttl_hold_seconds: Natural = (
        0  # how long time to live of a table stays as it is; with `aws` timing at least 31 minutes
    )
    item_collection_bytes_max: Positive = ITEM_COLLECTION_BYTES_MAX  # of tables with local indexes, as in AWS
    control_plane: ControlPlane = "instant"
    validation_wording: WordingOfErrors = "current"
    link_backoff_ms_max: Positive = 2_000
    index_backfill_items_max: Positive = 256  # items copied at once into a new global index, by each partition
    index_backfill_items_per_second: Natural = 4_000  # by each partition; 0 = as fast as can be
    scrub_seconds: Positive = 24 * 3600  # between two scrubs, each of everything on a node's disk
    scrub_bytes_per_second: Positive = 16 << 20  # what a scrub reads at most
    log_level: LogLevel = "info"


class ClusterSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    cluster_id: Word
    regions: tuple[RegionEntry, ...]
    credentials: tuple[Credential, ...] = ()
    settings: Settings = Settings()

    def region(self, name: str) -> RegionEntry:
        """Return the region of that name. Raises ClusterFileError."""
        found = next((region for region in self.regions if region.name == name), None)
        if found is None:
            raise ClusterFileError(f"region {name!r} is not in the cluster file; it has {_names(self.regions)}")
        return found

    def home(self, region: str) -> Home:
        """Return the home of what a region has."""
        return Home(region, self.settings.account_id)

    def region_of_node(self, node_id: str) -> RegionEntry:
        """Return the region that holds a node. Raises ClusterFileError."""
        found = next((region for region in self.regions if region.node(node_id)), None)
        if found is None:
            known = ", ".join(node.id for region in self.regions for node in region.nodes)
            raise ClusterFileError(f"node {node_id!r} is not in the cluster file; it has {known}")
        return found

    def secrets(self) -> dict[str, str]:
        """Return secret by access key id."""
        return {each.access_key_id: each.secret_access_key for each in self.credentials}


def load_cluster(path: Path) -> ClusterSpec:
    """Read and check a cluster file. Raises ClusterFileError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ClusterFileError(f"{path}: no such cluster file; `globetable up` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ClusterFileError(f"{path}: not a readable TOML file: {error}") from None
    return parse_cluster(text, str(path))


def parse_cluster(text: str, path: str) -> ClusterSpec:
    """Read and check the text of a cluster file that was found at `path`. Raises ClusterFileError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ClusterFileError(f"{path}: not a readable TOML file: {error}") from None
    try:
        cluster = msgspec.convert(content, ClusterSpec)
        _check(cluster)
    except (msgspec.ValidationError, ValueError) as error:
        raise ClusterFileError(f"{path}: {error}") from None
    return cluster


def dump_cluster(cluster: ClusterSpec) -> str:
    """Return the file's text, which `load_cluster` reads back to an equal value."""
    content: dict[str, Any] = msgspec.to_builtins(cluster)
    lines = [f"cluster_id = {_toml(content['cluster_id'])}", "", "[settings]"]
    lines += [f"{name} = {_toml(value)}" for name, value in content["settings"].items()]
    for credential in content["credentials"]:
        lines += ["", "[[credentials]]", *(f"{name} = {_toml(value)}" for name, value in credential.items())]
    for region in content["regions"]:
        lines += ["", "[[regions]]"]
        lines += [f"{name} = {_toml(value)}" for name, value in region.items() if name != "nodes"]
        for node in region["nodes"]:
            lines += ["", "[[regions.nodes]]", *(f"{name} = {_toml(value)}" for name, value in node.items())]
    return "\n".join(lines) + "\n"


def listen_address(address: str, host: str | None) -> str:
    """Return the host:port to bind for an address of the file: its own, or its port on `host` (0.0.0.0: on every interface)."""
    return address if host is None else f"{host}:{address.rpartition(':')[2]}"


def _check(cluster: ClusterSpec) -> None:
    if not cluster.regions:
        raise ValueError("no [[regions]]: name at least one")
    for region in cluster.regions:
        _check_region(region)
    _unique("region name", [region.name for region in cluster.regions])
    _unique("region number", [region.number for region in cluster.regions])
    _unique("node id", [node.id for region in cluster.regions for node in region.nodes])
    addresses = [node.address for region in cluster.regions for node in region.nodes]
    _unique("address", addresses + [address for region in cluster.regions for address in (region.http, region.gateway)])
    _unique("access key id", [credential.access_key_id for credential in cluster.credentials])
    _check_settings(cluster.settings)
    if cluster.settings.signatures and not cluster.credentials:
        raise ValueError("settings.signatures is on but there are no [[credentials]]: add one or switch signatures off")


def _check_settings(settings: Settings) -> None:
    """Check what the bounds of single members do not say."""
    if not 1 <= settings.partitions <= 4096:
        raise ValueError(f"settings.partitions is {settings.partitions}; expected 1 to 4096")
    if settings.ttl_sweep_seconds <= 0:
        raise ValueError(f"settings.ttl_sweep_seconds is {settings.ttl_sweep_seconds}; expected more than 0")
    if settings.election_ticks <= settings.heartbeat_ticks:
        raise ValueError(
            f"settings.election_ticks is {settings.election_ticks}; "
            f"expected more than settings.heartbeat_ticks, which is {settings.heartbeat_ticks}"
        )


def _check_region(region: RegionEntry) -> None:
    if not REGION_NAME.fullmatch(region.name):
        raise ValueError(f"region name {region.name!r}: expected small letters, digits and hyphens, as in us-east-1")
    if not 1 <= region.number <= 65_535:
        raise ValueError(f"region {region.name!r} has number {region.number}; expected 1 to 65535")
    if not region.nodes:
        raise ValueError(f"region {region.name!r} has no [[regions.nodes]]")
    for node in region.nodes:
        if not _NODE_ID.fullmatch(node.id):
            raise ValueError(
                f"node id {node.id!r}: expected letters, digits, hyphens and underscores, as in us-east-1-1"
            )
        if node.id == f"{region.name}-router":
            raise ValueError(f"node id {node.id!r} is what the router of {region.name} is called: choose another")
    for address in (region.http, region.gateway, *(node.address for node in region.nodes)):
        found = _ADDRESS.fullmatch(address)
        if found is None or not 0 < int(found[2]) <= _PORT_MAX:
            raise ValueError(f"region {region.name!r} has address {address!r}; expected host:port")


def _unique(what: str, values: list[Any]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{what} {value!r} is used more than once")


def _names(regions: tuple[RegionEntry, ...]) -> str:
    return ", ".join(region.name for region in regions)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return msgspec.json.encode(value).decode()
