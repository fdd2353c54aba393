"""Listening sockets: of a server, or of the process that holds them while servers come and go."""

import errno
import fcntl
import socket
from typing import Final

BACKLOG_CONNECTIONS: Final = 1024
"""Connections that wait while nothing accepts, as long as the machine's own bound (`somaxconn`) allows so many."""
# Above all that a child finds at fixed numbers, so that handing one down never overwrites another.
_DESCRIPTOR_MIN: Final = 32


class ListenError(Exception):
    """An address cannot be listened on; the message says which and why, in one line."""


def listening(host: str, port: int, *, shared: bool = False, purpose: str = "") -> socket.socket:
    """Listen at an address from now on. Raises ListenError.

    With `shared`, several sockets of ours listen there and the kernel spreads connections over them; each keeps its own queue.
    """
    try:
        return _bound(host, port, shared)
    except (OSError, OverflowError) as error:  # a port past 65535 is the latter
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "the port is in use" if taken else (getattr(error, "strerror", None) or str(error))
        raise ListenError(f"cannot listen on {host}:{port}{purpose}: {why}") from None


def _bound(host: str, port: int, shared: bool) -> socket.socket:
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(BACKLOG_CONNECTIONS)
        return socket.socket(fileno=fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR_MIN))
