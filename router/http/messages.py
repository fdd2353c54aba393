"""The seam of the HTTP edge: a request that has arrived whole, one whose body is still to come, and a response.

Above the seam nothing knows which server reads the socket; below it nothing knows DynamoDB.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from router.http.strangers import BodyHold


class Headers(Protocol):
    """Header fields by name, in any case; a field may stand more than once."""

    def __len__(self) -> int:
        """Return how many fields there are, each as often as it stands."""
        ...

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
    digest: str | None = None
    """SHA-256 of a large body in hex, reckoned while it came; such a request was looked at before that."""
    hold: BodyHold | None = None
    """What the body takes of the room for strangers, until it is known who sent it."""

    def sha256(self) -> str:
        """Return the hash of the body in hex."""
        return hashlib.sha256(self.body).hexdigest() if self.digest is None else self.digest

    def release(self) -> None:
        """Give back what the body takes of the room for strangers."""
        if self.hold is not None:
            self.hold.release()


@dataclass(slots=True)
class HttpResponse:
    """One response; the server adds `content-length`, `connection` and `server`. Not frozen: hot path."""

    status: int
    body: bytes
    headers: dict[str, str]


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


class Gate(Protocol):
    """Looks at requests with large bodies before these are taken in. What it is shown has no body yet."""

    def refused(self, head: HttpRequest) -> HttpResponse | None:
        """Return the answer to a request that its fields alone decide, or None to let its body come."""
        ...

    def overloaded(self, head: HttpRequest) -> HttpResponse:
        """Return the answer to a request for whose body there is no room."""
        ...
