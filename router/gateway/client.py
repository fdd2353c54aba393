"""Asks other regions' gateways what their catalogs think of a change.

Satisfies `router.operations.regions.Regions`. Knows addresses and messages. Refuses to know tables and retries.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Final

import grpc
import grpc.aio

from router.operations.regions import RegionUnreachableError
from wire.catalog_changes import CatalogChange, encode_change
from wire.errors import ErrorCode, StoreError
from wire.recipients import meant_for
from wire.v1 import gateway_pb2, gateway_pb2_grpc

_OPTIONS: Final = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))
_CODES: Final = {code.value: code for code in ErrorCode}


class GatewayClient:
    """Reach the gateways at the addresses of the cluster file; a connection lasts for one question, for they are rare."""

    def __init__(self, source: str, addresses: Mapping[str, str]) -> None:
        self._source = source
        self._addresses = addresses

    @property
    def names(self) -> Collection[str]:
        """Return the names of the other regions."""
        return self._addresses.keys()

    async def ask(self, region: str, change: CatalogChange, *, timeout_seconds: float) -> None:
        """Have a region's catalog decide a change. Raises StoreError when it refused, RegionUnreachableError when there is no answer."""
        request = gateway_pb2.ControlRequest(source=self._source, change=encode_change(change))
        try:
            async with (
                asyncio.timeout(timeout_seconds),
                grpc.aio.insecure_channel(self._addresses[region], options=_OPTIONS) as channel,
            ):
                stub: Any = gateway_pb2_grpc.GatewayServiceStub(channel)
                answer = await stub.Control(request, metadata=meant_for(region), wait_for_ready=True)
        except TimeoutError:
            raise RegionUnreachableError(f"It does not answer within {timeout_seconds:.0f} s.") from None
        except grpc.aio.AioRpcError as error:
            raise RegionUnreachableError(f"{error.code().name}: {error.details()}") from error
        if answer.code:
            raise StoreError(_CODES.get(answer.code, ErrorCode.INTERNAL), answer.message)
