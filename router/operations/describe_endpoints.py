"""DescribeEndpoints."""

from typing import Any, Final

from router.operations.answers import encoded
from router.operations.context import RequestContext

_CACHE_MINUTES: Final = 1440


class DescribeEndpoints:
    """Name the endpoint: the very one that was asked, because that one can be reached."""

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        return encoded({"Endpoints": [{"Address": context.endpoint, "CachePeriodInMinutes": _CACHE_MINUTES}]})
