"""Commands and outcomes as protobuf messages, and back.

The room knows both shapes and nothing of their meaning or transport. It is on the path of every request: a message is
filled in place inside its batch, and members that hold their default are not written. What cannot be read raises
`UnreadableMessage`.
"""

from collections.abc import Callable
from typing import Any, Protocol

from wire import commands as c
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.v1 import item_pb2, storage_pb2
from wire.versions import Version


class UnreadableMessage(ValueError):
    """A message from a peer holds nothing this version knows; it names the request it belongs to."""

    def __init__(self, request_id: int, what: str) -> None:
        super().__init__(f"request {request_id} carries no {what} that this version knows")
        self.request_id = request_id


class ChangeList(Protocol):
    """A repeated field of `item_pb2.Change`."""

    def add(self) -> item_pb2.Change:
        """Append an empty change and return it."""
        ...


def request_to_proto(batch: storage_pb2.RequestBatch, request: c.Request) -> None:
    """Append a request to a batch."""
    message = batch.requests.add()
    message.id = request.id
    message.partition = request.partition
    message.epoch = request.epoch
    message.timeout_ms = request.timeout_ms
    _command_writers[type(request.command)](message, request.command)


def request_from_proto(message: storage_pb2.Request) -> c.Request:
    """Read a request. Raises UnreadableMessage."""
    kind = message.WhichOneof("command")
    if kind is None:
        raise UnreadableMessage(message.id, "command")
    command = _command_readers[kind](getattr(message, kind))
    return c.Request(message.id, message.partition, message.epoch, message.timeout_ms, command)


def response_to_proto(batch: storage_pb2.ResponseBatch, response: c.Response) -> None:
    """Append a response to a batch."""
    message = batch.responses.add()
    message.id = response.id
    _outcome_writers[type(response.outcome)](message, response.outcome)


def response_from_proto(message: storage_pb2.Response) -> c.Response:
    """Read a response. Raises UnreadableMessage."""
    kind = message.WhichOneof("outcome")
    if kind is None:
        raise UnreadableMessage(message.id, "outcome")
    return c.Response(message.id, _outcome_readers[kind](getattr(message, kind)))


def change_to_proto(changes: ChangeList, change: c.Change) -> None:
    """Append a replicated change to a repeated field."""
    message = changes.add()
    message.partition_key = change.key.partition
    if change.key.sort:
        message.sort_key = change.key.sort
    message.time = change.version.time
    message.region = change.version.region
    message.tombstone = change.tombstone
    message.size = change.size
    message.body = change.body


def change_from_proto(message: item_pb2.Change) -> c.Change:
    """Read a replicated change."""
    return c.Change(
        ItemKey(message.partition_key, message.sort_key),
        Version(message.time, message.region),
        message.tombstone,
        message.size,
        message.body,
    )


# Commands


def _write_get(message: storage_pb2.Request, command: c.Get) -> None:
    get = message.get
    get.table = command.table
    get.partition_key = command.key.partition
    if command.key.sort:
        get.sort_key = command.key.sort
    if command.consistent:
        get.consistent = True
    if command.projection:
        get.projection = command.projection


def _read_get(message: item_pb2.Get) -> c.Get:
    key = ItemKey(message.partition_key, message.sort_key)
    return c.Get(message.table, key, message.consistent, message.projection)


def _write_write(message: storage_pb2.Request, command: c.Write) -> None:
    write = message.write
    write.kind = command.kind
    write.table = command.table
    write.partition_key = command.key.partition
    if command.key.sort:
        write.sort_key = command.key.sort
    if command.body:
        write.body = command.body
        write.size = command.size
    if command.condition:
        write.condition = command.condition
    if command.update:
        write.update = command.update
    if command.values:
        write.values = command.values
    if command.returned:
        write.returned = command.returned
    if command.return_on_failure:
        write.return_on_failure = True


def _read_write(message: item_pb2.Write) -> c.Write:
    return c.Write(
        _write_kinds[message.kind],
        message.table,
        ItemKey(message.partition_key, message.sort_key),
        message.body,
        message.size,
        message.condition,
        message.update,
        message.values,
        _returned[message.returned],
        message.return_on_failure,
    )


def _write_range(message: storage_pb2.Request, command: c.Range) -> None:
    assert command.upper_token > 0, f"a range of tokens ends above 0, found {command.upper_token}"
    page = message.range
    if command.partition_key is not None:
        page.partition_key = command.partition_key
    if command.upper is not None:
        page.upper = command.upper
    page.last_token = command.upper_token - 1
    if command.start is not None:
        _fill_position(page.start, command.start)
    for name in _RANGE_PLAIN:
        value = getattr(command, name)
        if value:
            setattr(page, name, value)


def _read_range(message: item_pb2.Range) -> c.Range:
    plain: dict[str, Any] = {name: getattr(message, name) for name in _RANGE_PLAIN}
    return c.Range(
        partition_key=message.partition_key if message.HasField("partition_key") else None,
        upper=message.upper if message.HasField("upper") else None,
        upper_token=message.last_token + 1,
        start=_position(message.start) if message.HasField("start") else None,
        **plain,
    )


# Members of Range that look the same on both sides.
_RANGE_SPECIAL = ("partition_key", "upper", "upper_token", "start")
_RANGE_PLAIN = tuple(name for name in c.Range._fields if name not in _RANGE_SPECIAL)


def _write_read_changes(message: storage_pb2.Request, command: c.ReadChanges) -> None:
    read = message.read_changes
    read.table = command.table
    read.generation = command.generation
    read.after = command.after
    read.limit = command.limit
    read.bytes_max = command.bytes_max
    if command.since_ms:
        read.since_ms = command.since_ms
    if command.bounds:
        read.bounds = True


def _read_read_changes(message: item_pb2.ReadChanges) -> c.ReadChanges:
    return c.ReadChanges(
        message.table,
        message.generation,
        message.after,
        message.limit,
        message.bytes_max,
        message.since_ms,
        message.bounds,
    )


def _write_merge(message: storage_pb2.Request, command: c.Merge) -> None:
    merge = message.merge
    merge.table = command.table
    merge.source = command.source
    if command.forgets:
        merge.forgets = True
    for change in command.changes:
        change_to_proto(merge.changes, change)


def _read_merge(message: item_pb2.Merge) -> c.Merge:
    return c.Merge(message.table, message.source, tuple(map(change_from_proto, message.changes)), message.forgets)


def _write_feed_index(message: storage_pb2.Request, command: c.FeedIndex) -> None:
    feed = message.feed_index
    feed.table = command.table
    feed.index = command.index
    feed.source = command.source
    feed.through = command.through
    for row in command.rows:
        filled = feed.rows.add()
        filled.sequence = row.sequence
        filled.partition_key = row.key.partition
        filled.sort_key = row.key.sort
        filled.removes = row.removes
        filled.time = row.version.time
        filled.region = row.version.region
        filled.size = row.size
        filled.body = row.body


def _read_feed_index(message: item_pb2.FeedIndex) -> c.FeedIndex:
    return c.FeedIndex(
        message.table, message.index, message.source, message.through, tuple(map(_index_row, message.rows))
    )


def _index_row(message: item_pb2.IndexRow) -> c.IndexRow:
    return c.IndexRow(
        message.sequence,
        ItemKey(message.partition_key, message.sort_key),
        message.removes,
        Version(message.time, message.region),
        message.size,
        message.body,
    )


def _write_measure(message: storage_pb2.Request, command: c.Measure) -> None:
    message.measure.table = command.table


def _read_measure(message: item_pb2.Measure) -> c.Measure:
    return c.Measure(message.table)


def _write_change_catalog(message: storage_pb2.Request, command: c.ChangeCatalog) -> None:
    message.change_catalog.payload = command.payload


def _read_change_catalog(message: item_pb2.ChangeCatalog) -> c.ChangeCatalog:
    return c.ChangeCatalog(message.payload)


# Outcomes. An outcome that may be all defaults (an absent item) is still marked as present: SetInParent.


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
        _fill_position(page.last, outcome.last)
    if outcome.fetched_units:
        page.fetched_units = outcome.fetched_units


def _read_page(message: item_pb2.Page) -> c.Page:
    last = _position(message.last) if message.HasField("last") else None
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


def _read_merged(message: item_pb2.Merged) -> c.Merged:
    return c.Merged(message.applied, message.superseded)


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


# Shared pieces


def _fill_position(message: item_pb2.Position, position: c.Position) -> None:
    message.hash = position.hash
    message.key.partition = position.key.partition
    message.key.sort = position.key.sort


def _position(message: item_pb2.Position) -> c.Position:
    return c.Position(message.hash, ItemKey(message.key.partition, message.key.sort))


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

_write_kinds = {kind.value: kind for kind in c.WriteKind}
_returned = {returned.value: returned for returned in c.Returned}
_codes = {code.value: code for code in ErrorCode}

_command_writers: dict[type, Callable[[storage_pb2.Request, Any], None]] = {
    c.Get: _write_get,
    c.Write: _write_write,
    c.Range: _write_range,
    c.ReadChanges: _write_read_changes,
    c.Merge: _write_merge,
    c.FeedIndex: _write_feed_index,
    c.Measure: _write_measure,
    c.ChangeCatalog: _write_change_catalog,
}
_command_readers: dict[str, Callable[[Any], c.Command]] = {
    "get": _read_get,
    "write": _read_write,
    "range": _read_range,
    "read_changes": _read_read_changes,
    "merge": _read_merge,
    "feed_index": _read_feed_index,
    "measure": _read_measure,
    "change_catalog": _read_change_catalog,
}
_outcome_writers: dict[type, Callable[[storage_pb2.Response, Any], None]] = {
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
_outcome_readers: dict[str, Callable[[Any], c.Outcome]] = {
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
