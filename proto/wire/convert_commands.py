"""Commands as protobuf messages, and back; `wire.convert` says which rules both keep to."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from wire import commands as c
from wire.convert_pieces import change_from_proto, change_to_proto, fill_position, position_from_proto
from wire.keys import ItemKey
from wire.v1 import item_pb2, storage_pb2
from wire.versions import Version


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
        fill_position(page.start, command.start)
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
        start=position_from_proto(message.start) if message.HasField("start") else None,
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
    if command.ahead:
        merge.ahead = command.ahead
    for change in command.changes:
        change_to_proto(merge.changes, change)


def _read_merge(message: item_pb2.Merge) -> c.Merge:
    changes = tuple(map(change_from_proto, message.changes))
    return c.Merge(message.table, message.source, changes, message.forgets, c.Ahead(message.ahead))


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


_write_kinds = {kind.value: kind for kind in c.WriteKind}
_returned = {returned.value: returned for returned in c.Returned}

COMMAND_WRITERS: Final[Mapping[type, Callable[[storage_pb2.Request, Any], None]]] = {
    c.Get: _write_get,
    c.Write: _write_write,
    c.Range: _write_range,
    c.ReadChanges: _write_read_changes,
    c.Merge: _write_merge,
    c.FeedIndex: _write_feed_index,
    c.Measure: _write_measure,
    c.ChangeCatalog: _write_change_catalog,
}
COMMAND_READERS: Final[Mapping[str, Callable[[Any], c.Command]]] = {
    "get": _read_get,
    "write": _read_write,
    "range": _read_range,
    "read_changes": _read_read_changes,
    "merge": _read_merge,
    "feed_index": _read_feed_index,
    "measure": _read_measure,
    "change_catalog": _read_change_catalog,
}
