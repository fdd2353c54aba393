"""What AWS allows only so often, or only so much of, and its words for it.

Pure: the times of earlier changes and the time of this one in, the times to remember or a refusal out. Source: AWS's "Quotas" page; the
texts are LimitExceededException's.
"""

from datetime import UTC, datetime
from typing import Final

from wire.capacity import ACCOUNT_UNITS_MAX, TABLE_UNITS_MAX
from wire.catalog import CatalogView
from wire.errors import ErrorCode, StoreError
from wire.tables import BillingMode, CapacityHistory, OnDemandMaxima, TableSpec, Throughput

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
DECREASES_MAX: Final = 4  # a (UTC) day; then one an hour
ON_DEMAND_SWITCHES_MAX: Final = 4  # in 24 hours
CLASS_CHANGES_MAX: Final = 2  # in 30 days
CLASS_WINDOW_MS: Final = 30 * DAY_MS
ENCRYPTION_CHANGES_MAX: Final = 4  # in 24 hours; then one every six
ENCRYPTION_PAUSE_MS: Final = 6 * HOUR_MS

_GUIDE: Final = "Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."


def with_throughput_change(
    history: CapacityHistory, before: Throughput, after: Throughput, now_ms: int
) -> CapacityHistory:
    """Return the history after provisioned capacity went from one value to another; refuse a decrease too many."""
    if after.read_units > before.read_units or after.write_units > before.write_units:
        history = CapacityHistory(now_ms, history.decreased_ms, history.decreases)
    if after.read_units >= before.read_units and after.write_units >= before.write_units:
        return history
    today = decreases_today(history, now_ms)
    if today >= DECREASES_MAX and now_ms < history.decreased_ms + HOUR_MS:
        raise _too_many_decreases(history, today, now_ms)
    return CapacityHistory(history.increased_ms, now_ms, today + 1)


def decreases_today(history: CapacityHistory, now_ms: int) -> int:
    """Return how often capacity was lowered on the (UTC) day of `now_ms`."""
    return history.decreases if history.decreased_ms // DAY_MS == now_ms // DAY_MS else 0


def with_on_demand_switch(earlier: tuple[int, ...], now_ms: int) -> tuple[int, ...]:
    """Return the times to remember after a switch to on-demand capacity, or refuse it."""
    recent = tuple(each for each in earlier if each > now_ms - DAY_MS)
    if len(recent) >= ON_DEMAND_SWITCHES_MAX:
        raise _exceeded(
            f"Update to PayPerRequest mode are limited to {ON_DEMAND_SWITCHES_MAX} times in 1 day(s). Last update at "
            f"{_java_date(recent[-1])}. Next update can be made at {_java_date(recent[0] + DAY_MS)}"
        )
    return (*recent, now_ms)


def with_class_change(earlier: tuple[int, ...], now_ms: int) -> tuple[int, ...]:
    """Return the times to remember after a change of the table class, or refuse it."""
    recent = tuple(each for each in earlier if each > now_ms - CLASS_WINDOW_MS)
    if len(recent) >= CLASS_CHANGES_MAX:
        raise _exceeded(f"Updates to TableClass are limited to {CLASS_CHANGES_MAX} times in 30 day(s).")
    return (*recent, now_ms)


def with_encryption_change(earlier: tuple[int, ...], now_ms: int) -> tuple[int, ...]:
    """Return the times to remember after a change of the encryption, or refuse it."""
    recent = tuple(each for each in earlier if each > now_ms - DAY_MS)
    if len(recent) >= ENCRYPTION_CHANGES_MAX and now_ms < recent[-1] + ENCRYPTION_PAUSE_MS:
        raise _exceeded(
            f"Encryption mode changes are limited in the 24h window ending at {_iso(recent[0] + DAY_MS)}. After the first "
            f"{ENCRYPTION_CHANGES_MAX} change, each subsequent change in the same window can be performed at most once "
            f"every {ENCRYPTION_PAUSE_MS // 1000} seconds. Number of updates today: {len(recent)}. Last change at "
            f"{_iso(recent[-1])}. Next changes can be made at {_iso(recent[-1] + ENCRYPTION_PAUSE_MS)}."
        )
    return (*recent, now_ms)


def require_provisioned(view: CatalogView, table: TableSpec, throughput: Throughput, region: str) -> None:
    """Refuse more provisioned capacity than a table, or all tables and indexes of the region together, may have."""
    require_units(throughput, _reserved(view, table), "table", region)


def require_units(throughput: Throughput, others: Throughput, kind: str, region: str, owner: str = "") -> None:
    """Refuse more than one owner, or it and all `others` together, may have provisioned.

    `kind` is "table" or "index"; `owner` is how AWS names an index there, " for index NAME".
    """
    for name, asked, reserved in (
        ("ReadCapacityUnits", throughput.read_units, others.read_units),
        ("WriteCapacityUnits", throughput.write_units, others.write_units),
    ):
        if asked > TABLE_UNITS_MAX:
            raise StoreError(
                ErrorCode.LIMIT_EXCEEDED,
                f"The requested {name}{owner}, {asked}, is above the per {kind} maximum for the account in {region}. "
                f"Per table maximum: {TABLE_UNITS_MAX}. {_GUIDE}",
            )
        if reserved + asked > ACCOUNT_UNITS_MAX:
            raise StoreError(
                ErrorCode.LIMIT_EXCEEDED,
                f"This request would have caused the {name} limit to be exceeded for the account in {region}. Current "
                f"{name} reserved by the account: {reserved}. Limit: {ACCOUNT_UNITS_MAX}. Requested: {asked}. {_GUIDE}",
            )


def require_maxima(maxima: OnDemandMaxima, what: str, region: str) -> None:
    """Refuse on-demand maxima above what a table may have; `what` is "table" or "index : NAME"."""
    _require_below(("MaxReadRequestUnits", maxima.read_units), "OnDemandThroughput", "Read", what, region)
    _require_below(("MaxWriteRequestUnits", maxima.write_units), "OnDemandThroughput", "Write", what, region)


def require_warm(warm: Throughput, what: str, region: str) -> None:
    """Refuse warm throughput above what a table may have; `what` is "table" or "index NAME"."""
    _require_below(("ReadUnitsPerSecond", warm.read_units), "WarmThroughput", "Read", what, region)
    _require_below(("WriteUnitsPerSecond", warm.write_units), "WarmThroughput", "Write", what, region)


def _require_below(asked: tuple[str, int], setting: str, kind: str, what: str, region: str) -> None:
    name, units = asked
    if units > TABLE_UNITS_MAX:
        raise _exceeded(
            f"Requested {name} for {setting} for {what} exceeds TableMax{kind}CapacityUnits of the account in region {region}"
        )


def _reserved(view: CatalogView, but: TableSpec) -> Throughput:
    tables = [table for table in view.tables.values() if table.billing_mode is BillingMode.PROVISIONED]
    # Of the table itself, what its indexes have.
    parts = [table.throughput for table in tables if table.name != but.name]
    parts += [index.throughput for table in tables for index in table.global_indexes]
    return Throughput(sum(part.read_units for part in parts), sum(part.write_units for part in parts))


def _too_many_decreases(history: CapacityHistory, today: int, now_ms: int) -> StoreError:
    next_ms = min(history.decreased_ms + HOUR_MS, (now_ms // DAY_MS + 1) * DAY_MS)
    return _exceeded(
        "Provisioned throughput decreases are limited within a given UTC day. After the first "
        f"{DECREASES_MAX} decreases, each subsequent decrease in the same UTC day can be performed at most once every "
        f"{HOUR_MS // 1000} seconds. Number of decreases today: {today}. Last decrease at {_long_date(history.decreased_ms)}. "
        f"Next decrease can be made at {_long_date(next_ms)}"
    )


def _exceeded(why: str) -> StoreError:
    return StoreError(ErrorCode.LIMIT_EXCEEDED, f"Subscriber limit exceeded: {why}")


def _long_date(at_ms: int) -> str:
    return _utc(at_ms).strftime("%A, %B %-d, %Y at %-I:%M:%S %p Coordinated Universal Time")


def _java_date(at_ms: int) -> str:
    return _utc(at_ms).strftime("%a %b %d %H:%M:%S UTC %Y")


def _iso(at_ms: int) -> str:
    return f"{_utc(at_ms):%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
