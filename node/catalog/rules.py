"""What a decision may depend on beside the rows: the region it is made in, and the operator's settings."""

from dataclasses import dataclass, field
from typing import Final

from wire.catalog import CatalogView
from wire.cluster import ClusterSpec
from wire.tables import TableSpec

# AWS's quota of tables per account and region. A further one is refused.
TABLES_MAX: Final = 2500
# "It can take up to one hour for the change to fully process" (AWS's API reference, UpdateTimeToLive); measured were 31 minutes in which
# another one is refused.
TIME_TO_LIVE_HOLD_SECONDS: Final = 31 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRules:
    """The bounds within which changes are decided."""

    region: str
    regions: frozenset[str]  # every region of the cluster, this one included
    source_hold_ms: int = 24 * 3600 * 1000  # how long a replica that was a source stays; 0 = no hold
    tables_max: int = TABLES_MAX
    stream_retention_ms: int = 24 * 3600 * 1000  # how long a stream that ended can be read
    takes_time: bool = False  # whether tables come, change and go as slowly as on AWS
    time_to_live_hold_ms: int = 0  # how long time to live may not be changed again; 0 = no hold

    @classmethod
    def of(cls, cluster: ClusterSpec, region: str) -> "CatalogRules":
        """Return the rules that a cluster file gives one of its regions."""
        takes_time = cluster.settings.control_plane == "aws"
        hold_seconds = max(cluster.settings.ttl_hold_seconds, TIME_TO_LIVE_HOLD_SECONDS if takes_time else 0)
        return cls(
            region=region,
            regions=frozenset(each.name for each in cluster.regions),
            source_hold_ms=cluster.settings.replica_source_hold_seconds * 1000,
            stream_retention_ms=cluster.settings.stream_retention_seconds * 1000,
            takes_time=takes_time,
            time_to_live_hold_ms=hold_seconds * 1000,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Rows to write, None as value = remove, and the table after it. No rows: everything is as asked for already."""

    rows: dict[str, bytes | None] = field(default_factory=dict)
    table: TableSpec | None = None


def next_version(view: CatalogView) -> int:
    """Return the version that the next change gets: versions are dense."""
    return view.version + 1
