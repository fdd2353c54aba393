"""Outcomes as protobuf messages, and back; `wire.convert` says which rules both keep to.

An outcome that may be all defaults (an absent item) is still marked as present: SetInParent.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from wire import commands as c
from wire.convert_pieces import fill_position, held_from_proto, held_to_proto, position_from_proto
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.v1 import item_pb2, storage_pb2
from wire.versions import Version


def _write_got(message: storage_pb2.Response, outcome: c.Got) -> None:
    got = message.got
    if outcome.size:
        got.item = outcome.item
        got.size = outcome.size
    else:
        got.SetInParent()


def _read_got(message: item_pb2.Got) -> c.Got:
    return c.Got(message.item, message.size)


def _write_written(message: storage_pb2.Response, outcome: c.Written) -> None:
    written = message.written
    written.SetInParent()
    if outcome.attributes:
        written.attributes = outcome.attributes
    written.size_before = outcome.size_before
    written.size_after = outcome.size_after
    for index, units in outcome.index_units:
        written.index_units.add(index=index, units=units)
    if outcome.collection_bytes >= 0:
        written.collection_bytes = outcome.collection_bytes


def _read_written(message: item_pb2.Written) -> c.Written:
    return c.Written(
        message.attributes,
        message.size_before,
        message.size_after,
        tuple((each.index, each.units) for each in message.index_units),
        message.collection_bytes if message.HasField("collection_bytes") else -1,
    )


def _write_condition_failed(message: storage_pb2.Response, outcome: c.ConditionFailed) -> None:
    failed = message.condition_failed
    failed.SetInParent()
    failed.item = outcome.item
    failed.size = outcome.size


def _read_condition_failed(message: item_pb2.ConditionFailed) -> c.ConditionFailed:
    return c.ConditionFailed(message.item, message.size)


def _write_page(message: storage_pb2.Response, outcome: c.Page) -> None:
    page = message.page
    page.SetInParent()
    page.items.extend(outcome.items)
    page.count = outcome.count
    page.scanned_count = outcome.scanned_count
    page.scanned_bytes = outcome.scanned_bytes
    if outcome.last is not None:
        fill_position(page.last, outcome.last)
    if outcome.fetched_units:
        page.fetched_units = outcome.fetched_units


def _read_page(message: item_pb2.Page) -> c.Page:
    last = position_from_proto(message.last) if message.HasField("last") else None
    return c.Page(
        tuple(message.items), message.count, message.scanned_count, message.scanned_bytes, last, message.fetched_units
    )


def _write_changes(message: storage_pb2.Response, outcome: c.Changes) -> None:
    changes = message.changes
    changes.SetInParent()
    changes.next_after = outcome.next_after
    changes.oldest = outcome.oldest
    changes.latest = outcome.latest
    changes.starting = outcome.starting
    changes.ending = outcome.ending
    changes.is_closed = outcome.is_closed
    for record in outcome.records:
        _fill_record(changes.records.add(), record)


def _read_changes(message: item_pb2.Changes) -> c.Changes:
    records = tuple(map(_record, message.records))
    return c.Changes(
        records,
        message.next_after,
        message.oldest,
        message.latest,
        message.starting,
        message.ending,
        message.is_closed,
    )


def _write_merged(message: storage_pb2.Response, outcome: c.Merged) -> None:
    message.merged.SetInParent()
    message.merged.applied = outcome.applied
    message.merged.superseded = outcome.superseded
    for held in outcome.held:
        held_to_proto(message.merged.held, held)


def _read_merged(message: item_pb2.Merged) -> c.Merged:
    return c.Merged(message.applied, message.superseded, tuple(map(held_from_proto, message.held)))


def _write_measured(message: storage_pb2.Response, outcome: c.Measured) -> None:
    message.measured.SetInParent()
    for index, rows, size in outcome.sizes:
        message.measured.sizes.add(index=index, rows=rows, bytes=size)


def _read_measured(message: item_pb2.Measured) -> c.Measured:
    return c.Measured(tuple((each.index, each.rows, each.bytes) for each in message.sizes))


def _write_catalog_decided(message: storage_pb2.Response, outcome: c.CatalogDecided) -> None:
    message.catalog_decided.payload = outcome.payload


def _read_catalog_decided(message: item_pb2.CatalogDecided) -> c.CatalogDecided:
    return c.CatalogDecided(message.payload)


def _write_not_leader(message: storage_pb2.Response, outcome: c.NotLeader) -> None:
    message.not_leader.leader = outcome.leader


def _read_not_leader(message: item_pb2.NotLeader) -> c.NotLeader:
    return c.NotLeader(message.leader)


def _write_failed(message: storage_pb2.Response, outcome: c.Failed) -> None:
    message.failed.code = outcome.code
    message.failed.message = outcome.message


def _read_failed(message: item_pb2.Failed) -> c.Failed:
    return c.Failed(_codes.get(message.code, ErrorCode.INTERNAL), message.message)


def _fill_record(message: item_pb2.ChangeRecord, record: c.ChangeRecord) -> None:
    message.key.partition = record.key.partition
    message.key.sort = record.key.sort
    message.version.time = record.version.time
    message.version.region = record.version.region
    for name in _RECORD_PLAIN:
        setattr(message, name, getattr(record, name))


def _record(message: item_pb2.ChangeRecord) -> c.ChangeRecord:
    plain: dict[str, Any] = {name: getattr(message, name) for name in _RECORD_PLAIN}
    key = ItemKey(message.key.partition, message.key.sort)
    return c.ChangeRecord(key=key, version=Version(message.version.time, message.version.region), **plain)


# Members of ChangeRecord that look the same on both sides.
_RECORD_PLAIN = tuple(name for name in c.ChangeRecord._fields if name not in ("key", "version"))

_codes = {code.value: code for code in ErrorCode}

OUTCOME_WRITERS: Final[Mapping[type, Callable[[storage_pb2.Response, Any], None]]] = {
    c.Got: _write_got,
    c.Written: _write_written,
    c.ConditionFailed: _write_condition_failed,
    c.Page: _write_page,
    c.Changes: _write_changes,
    c.Merged: _write_merged,
    c.Measured: _write_measured,
    c.CatalogDecided: _write_catalog_decided,
    c.NotLeader: _write_not_leader,
    c.Failed: _write_failed,
}
OUTCOME_READERS: Final[Mapping[str, Callable[[Any], c.Outcome]]] = {
    "got": _read_got,
    "written": _read_written,
    "condition_failed": _read_condition_failed,
    "page": _read_page,
    "changes": _read_changes,
    "merged": _read_merged,
    "measured": _read_measured,
    "catalog_decided": _read_catalog_decided,
    "not_leader": _read_not_leader,
    "failed": _read_failed,
}
