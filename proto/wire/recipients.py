"""Whom a call between processes is meant for, so that nobody else answers it.

Processes are reached by names, and a name leads to an address for a while only: what starts may be given the address of what ended a
moment ago, and a connection that is opened again finds somebody, just not who was meant. Such a stream would stay up for ever, and
everything sent on it be dropped. So callers say whom they mean, and servers refuse what is meant for others; the caller then has the
name resolved anew. Knows names and gRPC, and nothing of what is called.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio

# gRPC looks a name up again when a connection fails, but by default not within half a minute of the last time.
RESOLVING_OPTIONS: Final = (("grpc.dns_min_time_between_resolutions_ms", 1_000),)
# Calls that are meant for another end at once; none is waited for longer when its connection is given up.
GIVE_UP_SECONDS: Final = 1.0

# What a call ends with that reached somebody else; nothing else in the project ends one so.
MISDIRECTED: Final = grpc.StatusCode.FAILED_PRECONDITION

_KEY: Final = "globetable-recipient"
_Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


def meant_for(name: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call that only the process (or region) of that name may answer."""
    return ((_KEY, name),)


async def failure(call: Any, error: Exception) -> tuple[str, bool]:
    """Return why a call failed, for people, and whether it may have reached somebody else: then its connection is good for nothing.

    `error` is what reading, writing or awaiting raised. Writing on a call that has ended says no more than that, and writing on one that
    is just being refused makes gRPC forget why: its status is then INTERNAL.
    """
    if not call.done():
        return str(error), False
    code = await call.code()
    return f"{code.name}: {await call.details()}", code in (MISDIRECTED, grpc.StatusCode.INTERNAL)


class RecipientCheck(grpc.aio.ServerInterceptor):
    """Refuse calls that are meant for others; one that does not say for whom it is meant is taken."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable["_Handler"]], details: grpc.HandlerCallDetails
    ) -> _Handler:
        """Return the handler of a call, or one that refuses it."""
        handler = await continuation(details)
        named = (value for key, value in details.invocation_metadata if key == _KEY and isinstance(value, str))
        meant = next(named, self._name)
        if meant == self._name or handler is None:
            return handler
        return _refusing(handler, f"this is {self._name}, not {meant}")


def _refusing(handler: "grpc.RpcMethodHandler[Any, Any]", text: str) -> _Handler:
    async def refuse(_: object, context: Any) -> None:
        await context.abort(MISDIRECTED, text)

    match handler.request_streaming, handler.response_streaming:
        case True, True:
            make: Any = grpc.stream_stream_rpc_method_handler
        case True, False:
            make = grpc.stream_unary_rpc_method_handler
        case False, True:
            make = grpc.unary_stream_rpc_method_handler
        case _:
            make = grpc.unary_unary_rpc_method_handler
    refusing: _Handler = make(refuse, handler.request_deserializer, handler.response_serializer)
    return refusing
