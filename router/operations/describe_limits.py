"""DescribeLimits."""

from typing import Any

from router.operations.answers import encoded
from router.operations.context import RequestContext
from wire.capacity import ACCOUNT_UNITS_MAX, TABLE_UNITS_MAX


class DescribeLimits:
    """Say how much capacity may be provisioned."""

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        return encoded(
            {
                "AccountMaxReadCapacityUnits": ACCOUNT_UNITS_MAX,
                "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS_MAX,
                "TableMaxReadCapacityUnits": TABLE_UNITS_MAX,
                "TableMaxWriteCapacityUnits": TABLE_UNITS_MAX,
            }
        )
