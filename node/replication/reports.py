"""What replication tells operators: values only."""

from dataclasses import dataclass

from wire.catalog import PartitionId
from wire.keys import ItemKey
from wire.versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipperReport:
    """What a shipper has done and has yet to do.

    `lag_seconds` is the age of the oldest change that is not acknowledged, whatever the reason; `pending_records` is a distance in
    sequence numbers, which other tables and other regions' changes use up too, and the changes that are `held` back over there, because
    their versions are too far ahead of the clock there.
    """

    lag_seconds: float
    pending_records: int
    shipped: int
    superseded: int
    errors: int
    last_error: str
    backfilling_tables: int
    held: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """What one partition led here ships to one region."""

    destination: str
    partition: PartitionId
    state: str  # up, cut, paused, delayed, down
    shipper: ShipperReport


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldReport:
    """A change of a partition led here that a region holds back: how far ahead it was there, and for how long it has waited."""

    destination: str
    partition: PartitionId
    table: int
    key: ItemKey
    version: Version
    ahead_seconds: float
    waiting_seconds: float
