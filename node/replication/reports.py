"""What replication tells operators: values only."""

from dataclasses import dataclass

from wire.catalog import PartitionId


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipperReport:
    """What a shipper has done and has yet to do.

    `lag_seconds` is the age of the oldest change that is not acknowledged; `pending_records` is a distance in sequence numbers, which
    other tables and other regions' changes use up too.
    """

    lag_seconds: float
    pending_records: int
    shipped: int
    superseded: int
    errors: int
    last_error: str
    backfilling_tables: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """What one partition led here ships to one region."""

    destination: str
    partition: PartitionId
    state: str  # up, cut, paused, delayed, down
    shipper: ShipperReport
