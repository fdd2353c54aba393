"""The gRPC server: one address, a few services."""

from collections.abc import Callable
from typing import Final

import grpc
import grpc.aio

from node.rpc.options import SERVER_OPTIONS
from wire.open_streams import OpenStreams
from wire.recipients import RecipientCheck

STOP_GRACE_SECONDS: Final = 0.5

Registration = Callable[[grpc.aio.Server], None]


class ListenError(Exception):
    """An address cannot be listened on; the message says which, in one line."""


class RpcServer:
    """Listen at one address until stopped, as the node of that name. Its services open their streams among `streams`."""

    def __init__(self, address: str, name: str) -> None:
        self.streams = OpenStreams()
        self._name = name
        self._address = address
        self._server: grpc.aio.Server | None = None
        self.port = 0

    async def start(self, *registrations: Registration) -> None:
        """Register services and serve; port 0 takes a free one. Raises ListenError."""
        server = grpc.aio.server(options=SERVER_OPTIONS, interceptors=[RecipientCheck(self._name)])
        for register in registrations:
            register(server)
        try:
            self.port = server.add_insecure_port(self._address)
        except RuntimeError:
            raise ListenError(
                f"cannot listen on {self._address}: the port is in use or the address is not of this machine"
            ) from None
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Take no more calls, end those under way, close; twice is once."""
        server, self._server = self._server, None
        if server is not None:
            await self.streams.stop_server(server.stop, STOP_GRACE_SECONDS)
