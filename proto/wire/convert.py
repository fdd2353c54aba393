"""Requests and responses as protobuf messages, and back.

The room knows both shapes and nothing of their meaning or transport. It is on the path of every request: a message is
filled in place inside its batch, and members that hold their default are not written. What cannot be read raises
`UnreadableMessage`.
"""

from wire import commands as c
from wire.convert_commands import COMMAND_READERS, COMMAND_WRITERS
from wire.convert_outcomes import OUTCOME_READERS, OUTCOME_WRITERS
from wire.v1 import storage_pb2


class UnreadableMessage(ValueError):
    """A message from a peer holds nothing this version knows; it names the request it belongs to."""

    def __init__(self, request_id: int, what: str) -> None:
        super().__init__(f"request {request_id} carries no {what} that this version knows")
        self.request_id = request_id


def request_to_proto(batch: storage_pb2.RequestBatch, request: c.Request) -> None:
    """Append a request to a batch."""
    message = batch.requests.add()
    message.id = request.id
    message.partition = request.partition
    message.epoch = request.epoch
    message.timeout_ms = request.timeout_ms
    if request.forward_to:
        message.forward_to = request.forward_to
    COMMAND_WRITERS[type(request.command)](message, request.command)


def request_from_proto(message: storage_pb2.Request) -> c.Request:
    """Read a request. Raises UnreadableMessage."""
    kind = message.WhichOneof("command")
    if kind is None:
        raise UnreadableMessage(message.id, "command")
    command = COMMAND_READERS[kind](getattr(message, kind))
    return c.Request(message.id, message.partition, message.epoch, message.timeout_ms, command, message.forward_to)


def response_to_proto(batch: storage_pb2.ResponseBatch, response: c.Response) -> None:
    """Append a response to a batch."""
    message = batch.responses.add()
    message.id = response.id
    OUTCOME_WRITERS[type(response.outcome)](message, response.outcome)


def response_from_proto(message: storage_pb2.Response) -> c.Response:
    """Read a response. Raises UnreadableMessage."""
    kind = message.WhichOneof("outcome")
    if kind is None:
        raise UnreadableMessage(message.id, "outcome")
    return c.Response(message.id, OUTCOME_READERS[kind](getattr(message, kind)))
