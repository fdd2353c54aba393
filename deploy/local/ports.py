"""Free TCP ports on loopback for processes that must find one another again after a restart.

Taken from below the kernel's ephemeral range, so that no outgoing connection sits on a node's port while that node is down.
"""

import random
import socket
from collections.abc import Iterator

LOWEST = 10_000
HIGHEST = 32_000  # Linux hands out 32768 and up to outgoing connections


class PortsUnavailable(Exception):
    """A wanted port is taken; the message is one line for the operator."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a listener could bind this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(generator: random.Random) -> Iterator[int]:
    """Yield distinct free ports, from a random start so that clusters made at the same time rarely meet."""
    start = generator.randrange(LOWEST, HIGHEST)
    for offset in range(HIGHEST - LOWEST):
        port = LOWEST + (start - LOWEST + offset) % (HIGHEST - LOWEST)
        if is_free(port):
            yield port
    raise PortsUnavailable(f"no free port left between {LOWEST} and {HIGHEST}")


def adjacent(ports: Iterator[int]) -> int:
    """Return the first of two ports that follow one another."""
    first = next(ports)
    for port in ports:
        if port == first + 1:
            return first
        first = port
    raise AssertionError("a source of ports ends in an error")


def http_ports(count: int, wanted: int | None, default: int, others: Iterator[int]) -> list[int]:
    """Return `count` ports for the endpoints: `wanted` and up (an error if taken), else `default` and up where free, else any.

    `wanted` 0 means any free ports.
    """
    if wanted == 0:
        return [next(others) for _ in range(count)]
    if wanted is not None:
        taken = [port for port in range(wanted, wanted + count) if not is_free(port)]
        if taken:
            raise PortsUnavailable(
                f"port {taken[0]} is in use; choose another with --port, or --port 0 for any free ones"
            )
        return list(range(wanted, wanted + count))
    return [port if is_free(port) else next(others) for port in range(default, default + count)]
