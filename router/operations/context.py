"""What a request is to an operation: who asks, for which region, until when; and what an operation is to the edge.

The room knows neither HTTP nor signatures: the edge fills a `RequestContext` in, and calls an `Operation` by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, TypeVarTuple

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class Beside(Protocol):
    """Does work that takes too long for the event loop in another thread."""

    async def run(
        self, deadline: float, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        """Return what `function` returns; raises what it raises, and StoreError DEADLINE_EXCEEDED."""
        ...


@dataclass(slots=True, kw_only=True)
class RequestContext:
    """One request's identity and bounds.

    Not frozen: one is made per request, and a frozen dataclass takes three times as long to make.
    """

    request_id: str
    region: str
    access_key_id: str | None  # None: nobody signed, and signatures are off
    deadline: float  # on the monotonic clock, in seconds; every await that leaves the process ends by then
    endpoint: str  # host:port as the client wrote it, so that what DescribeEndpoints answers can be reached
    beside: Beside  # where to read a request that takes long to read
    is_short: bool = True  # whether it is so short that even its faults are told quickly
    is_long: bool = False  # whether it takes long to read although nothing is wrong with it; nearly none does

    async def read(self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Return what `function`, which waits for nothing, makes of the request, wherever it has to run.

        In another thread it may look tables up; whatever else changes belongs to the event loop.
        """
        if not self.is_long:
            return function(*arguments)
        return await self.beside.run(self.deadline, function, *arguments)


class Operation(Protocol):
    """One API operation: takes a request's members, gives the response body already encoded as JSON."""

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out.

        Raises StoreError for every refusal and failure.
        """
        ...


OperationRegistry = Mapping[str, Operation]
