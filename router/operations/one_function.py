"""Operations that are one function each, because they need nothing but the request and the catalog.

Those that are answered, and those that are refused because what would carry them out is not built yet: these say so only
after everything that AWS itself would have refused.
"""

from collections.abc import Callable
from typing import Any

from router.operations.answers import encoded
from router.operations.context import RequestContext
from router.operations.store import Store
from wire.errors import ErrorCode, StoreError

Answer = Callable[[Store, dict[str, Any]], dict[str, Any]]
Check = Callable[[Store, dict[str, Any]], None]


class Answered:
    """Answer with what a function makes of the catalog and the request."""

    def __init__(self, store: Store, answer: Answer) -> None:
        self._store = store
        self._answer = answer

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        return encoded(self._answer(self._store, body))


class NotAvailable:
    """Refuse a request that is in order, because what it asks for is not built yet."""

    def __init__(self, store: Store, name: str, check: Check) -> None:
        self._store = store
        self._name = name
        self._check = check

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Refuse the request. Raises AWS's own refusal if AWS has one, otherwise UNSUPPORTED_OPERATION."""
        await context.read(self._check, self._store, body)
        raise not_available(self._name)


def not_available(what: str) -> StoreError:
    """Return the refusal of an operation, or of a use of one, that is not built yet.

    Not a ValidationException, so that a program can tell by the type that its request is in order; no SDK knows the type or
    retries it.
    """
    return StoreError(ErrorCode.UNSUPPORTED_OPERATION, f"{what} is not available yet in this version of Globetable")
