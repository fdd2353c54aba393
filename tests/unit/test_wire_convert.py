"""Commands and outcomes survive the wire."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import commands as c
from wire.convert import (
    UnreadableMessage,
    request_from_proto,
    request_to_proto,
    response_from_proto,
    response_to_proto,
)
from wire.convert_pieces import change_from_proto, change_to_proto
from wire.errors import ErrorCode
from wire.keys import ItemKey
from wire.v1 import gateway_pb2, storage_pb2
from wire.versions import Version

u16 = st.integers(0, (1 << 16) - 1)
u32 = st.integers(0, (1 << 32) - 1)
u64 = st.integers(0, (1 << 64) - 1)
blobs = st.binary(max_size=40)
keys = st.builds(ItemKey, blobs, blobs)
versions = st.builds(Version, u64, u16)
positions = st.builds(c.Position, st.binary(min_size=16, max_size=16), keys)
changes = st.builds(c.Change, keys, versions, st.booleans(), u32, blobs)
bodies = st.binary(min_size=1, max_size=40)

writes = st.builds(
    c.Write,
    st.sampled_from(c.WriteKind),
    u32,
    keys,
    body=bodies,
    size=u32,
    condition=blobs,
    update=blobs,
    values=blobs,
    returned=st.sampled_from(c.Returned),
    return_on_failure=st.booleans(),
)
ranges = st.builds(
    c.Range,
    table=u32,
    index=u32,
    partition_key=st.none() | blobs,
    lower=blobs,
    lower_included=st.booleans(),
    upper=st.none() | blobs,
    upper_included=st.booleans(),
    prefix=blobs,
    lower_token=u64,
    upper_token=st.integers(1, 1 << 64),
    reverse=st.booleans(),
    start=st.none() | positions,
    limit=u32,
    bytes_max=u32,
    consistent=st.booleans(),
    filter=blobs,
    projection=blobs,
    values=blobs,
    count_only=st.booleans(),
    from_table=st.booleans(),
)
rows = st.builds(c.IndexRow, u64, keys, st.booleans(), versions, u32, blobs)
commands = st.one_of(
    st.builds(c.Get, u32, keys, st.booleans(), blobs),
    writes,
    ranges,
    st.builds(c.ReadChanges, u32, u64, u64, u32, u32, u64, st.booleans()),
    st.builds(
        c.Merge,
        u32,
        st.text(max_size=10),
        st.lists(changes, max_size=3).map(tuple),
        st.booleans(),
        st.sampled_from(c.Ahead),
    ),
    st.builds(c.FeedIndex, u32, u32, u32, u64, st.lists(rows, max_size=3).map(tuple)),
    st.builds(c.Measure, u32),
    st.builds(c.ChangeCatalog, blobs),
)
records = st.builds(c.ChangeRecord, u64, u32, u64, u32, keys, versions, blobs, blobs, u32, u32, u64)
items = st.lists(blobs, max_size=3).map(tuple)
outcomes = st.one_of(
    st.builds(c.Got, bodies, st.integers(1, 1 << 30)),
    st.just(c.Got(b"", 0)),
    st.builds(
        c.Written, blobs, u32, u32, st.lists(st.tuples(u32, u32), max_size=3).map(tuple), st.integers(-1, (1 << 64) - 1)
    ),
    st.builds(c.ConditionFailed, blobs, u32),
    st.builds(c.Page, items, u32, u32, u64, st.none() | positions, u32),
    st.builds(c.Changes, st.lists(records, max_size=3).map(tuple), u64, u64, u64, u64, u64, st.booleans()),
    st.builds(c.Merged, u32, u32, st.lists(st.builds(c.HeldChange, keys, versions, u64, u64), max_size=3).map(tuple)),
    st.builds(c.Measured, st.lists(st.tuples(u32, u64, u64), max_size=3).map(tuple)),
    st.builds(c.CatalogDecided, blobs),
    st.builds(c.NotLeader, st.text(max_size=10)),
    st.builds(c.Failed, st.sampled_from(ErrorCode), st.text(max_size=20)),
)


# The contract between processes: what a router meant is what a node reads, for every command there is.
@given(st.lists(st.builds(c.Request, u64, u32, u64, u32, commands), max_size=4))
def test_requests_survive_the_wire(requests: list[c.Request]) -> None:
    batch = storage_pb2.RequestBatch()
    for request in requests:
        request_to_proto(batch, request)
    received = storage_pb2.RequestBatch.FromString(batch.SerializeToString())
    assert [request_from_proto(message) for message in received.requests] == requests


# The same for every outcome, with all of a page's and a record's members.
@given(st.lists(st.builds(c.Response, u64, outcomes), max_size=4))
def test_responses_survive_the_wire(responses: list[c.Response]) -> None:
    batch = storage_pb2.ResponseBatch()
    for response in responses:
        response_to_proto(batch, response)
    received = storage_pb2.ResponseBatch.FromString(batch.SerializeToString())
    assert [response_from_proto(message) for message in received.responses] == responses


# Named tuples compare as plain tuples: a Get read back as some other kind of equal tuple must not pass.
@given(commands)
def test_the_kind_of_a_command_survives(command: c.Command) -> None:
    batch = storage_pb2.RequestBatch()
    request_to_proto(batch, c.Request(1, 2, 3, 4, command))
    assert type(request_from_proto(batch.requests[0]).command) is type(command)


# The gateway carries changes outside of a Merge; they are the same change.
@given(changes)
def test_changes_survive_the_gateway(change: c.Change) -> None:
    batch = gateway_pb2.ChangeBatch()
    change_to_proto(batch.changes, change)
    received = gateway_pb2.ChangeBatch.FromString(batch.SerializeToString())
    assert change_from_proto(received.changes[0]) == change


# Someone adds a command and forgets the wire: the strategies above would not notice.
def test_every_command_and_outcome_has_a_form() -> None:
    request, response = storage_pb2.Request(), storage_pb2.Response()
    commands_known = request.DESCRIPTOR.oneofs_by_name["command"].fields
    outcomes_known = response.DESCRIPTOR.oneofs_by_name["outcome"].fields
    assert {field.message_type.name for field in commands_known} == _names(c.Command)
    assert {field.message_type.name for field in outcomes_known} == _names(c.Outcome)


# A newer router sends what this node does not know: it must be able to say which request it means.
def test_an_unknown_command_names_its_request() -> None:
    with pytest.raises(UnreadableMessage, match="request 7 carries no command") as caught:
        request_from_proto(storage_pb2.Request(id=7))
    assert caught.value.request_id == 7


def _names(union: object) -> set[str]:
    return {each.__name__ for each in typing.get_args(union)}
