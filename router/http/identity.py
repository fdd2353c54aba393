"""Who a request says it is from, and the seam behind which it is decided whether that is true.

Refuses to know how requests are signed.
"""

from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import unquote_plus

from router.http.messages import HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a request says it is from, and for which region it was signed; None where it says nothing."""

    access_key_id: str | None
    region: str | None


NOBODY: Final = Identity(access_key_id=None, region=None)


class Authentication(Protocol):
    """Says who sent a request."""

    def verify(self, request: HttpRequest) -> Identity:
        """Return who sent `request`; raises StoreError when nobody may have."""
        ...

    def require_claim(self, head: HttpRequest) -> None:
        """Raise StoreError when the fields of a request alone say that `verify` will refuse it."""
        ...


class UnverifiedClaims:
    """Believe everybody: for when signatures are not checked."""

    def verify(self, request: HttpRequest) -> Identity:
        """Return who the request says it is from."""
        return claimed_identity(request)

    def require_claim(self, head: HttpRequest) -> None:
        """Refuse nobody."""


def claimed_identity(request: HttpRequest) -> Identity:
    """Return who `request` says it is from, unverified: for when signatures are not checked."""
    authorization = request.headers.get("Authorization")
    credential = _credential_of(authorization) if authorization else _credential_of_query(request.target)
    pieces = credential.split("/")
    if len(pieces) != 5:
        return NOBODY
    return Identity(access_key_id=pieces[0] or None, region=pieces[2] or None)


def _credential_of(authorization: str) -> str:
    _, _, rest = authorization.partition("Credential=")
    return rest.partition(",")[0].partition(" ")[0]


def _credential_of_query(target: str) -> str:
    return query_parameters(target.partition("?")[2]).get("X-Amz-Credential", "")


def query_parameters(query: str) -> dict[str, str]:
    """Return the parameters of `query`; the first of a name counts."""
    parameters: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        parameters.setdefault(unquote_plus(name), unquote_plus(value))
    return parameters
