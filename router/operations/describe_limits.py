"""DescribeLimits."""

from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext

# The quotas of a new account in most regions.
_ACCOUNT_UNITS_MAX: Final = 80_000
_TABLE_UNITS_MAX: Final = 40_000


class DescribeLimits:
    """Say how much capacity may be provisioned."""

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        return encoded(
            {
                "AccountMaxReadCapacityUnits": _ACCOUNT_UNITS_MAX,
                "AccountMaxWriteCapacityUnits": _ACCOUNT_UNITS_MAX,
                "TableMaxReadCapacityUnits": _TABLE_UNITS_MAX,
                "TableMaxWriteCapacityUnits": _TABLE_UNITS_MAX,
            }
        )
