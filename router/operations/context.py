"""What a request is to an operation: who asks, for which region, until when; and what an operation is to the edge.

The room knows neither HTTP nor signatures: the edge fills a `RequestContext` in, and calls an `Operation` by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


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


class Operation(Protocol):
    """One API operation: takes a request's members, gives the response body already encoded as JSON."""

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out.

        Raises StoreError for every refusal and failure.
        """
        ...


OperationRegistry = Mapping[str, Operation]
