"""The seam of the HTTP edge: a request that has arrived whole, and a response that has not left yet.

Above the seam nothing knows which server reads the socket; below it nothing knows DynamoDB.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol


class Headers(Protocol):
    """Header fields by name, in any case; a field may stand more than once."""

    def __getitem__(self, name: str, /) -> str:
        """Return the first value of the field `name`; raises KeyError when there is none."""
        ...

    def items(self) -> Iterable[tuple[str, str]]:
        """Return the fields with their names as they were sent, in the order they came."""
        ...

    def get(self, name: str, /) -> str | None:
        """Return the first value of the field `name`, or None."""
        ...

    def getall(self, name: str, default: list[str], /) -> list[str]:
        """Return all values of the field `name` in the order they came, or `default`."""
        ...


@dataclass(slots=True)
class HttpRequest:
    """One request with its whole body, as received: nothing is decoded or decompressed. Not frozen: hot path."""

    method: str
    target: str  # as in the request line: path and query, still escaped
    headers: Headers
    body: bytes


@dataclass(slots=True)
class HttpResponse:
    """One response; the server adds `content-length`, `connection` and `server`. Not frozen: hot path."""

    status: int
    body: bytes
    headers: dict[str, str]


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]
