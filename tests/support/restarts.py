"""What clients of a region see while its router is restarted and killed: boto3 as it comes, and bare attempts to connect."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

ATTEMPT_SECONDS_MAX = 10.0


@dataclass
class Seen:
    """What happened to requests and connections."""

    answered: int = 0
    connected: int = 0
    slowest_seconds: float = 0.0
    errors: list[str] = field(default_factory=list)
    """What boto3 raised after its own retries."""
    refused: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, **counted: Any) -> None:
        with self._lock:
            self.answered += counted.get("answered", 0)
            self.connected += counted.get("connected", 0)
            self.slowest_seconds = max(self.slowest_seconds, counted.get("seconds", 0.0))
            self.errors += counted.get("errors", [])
            self.refused += counted.get("refused", [])


@contextmanager
def clients_of(address: str, make_client: Callable[[], Any], table: str, *, writers: int = 4) -> Iterator[Seen]:
    """Write with some clients, each with its own connections, and connect over and over, until the block ends."""
    seen, ending = Seen(), threading.Event()
    threads = [threading.Thread(target=_write, args=(make_client(), table, n, seen, ending)) for n in range(writers)]
    threads.append(threading.Thread(target=_connect, args=(address, seen, ending)))
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        ending.set()
        for thread in threads:
            thread.join()


def _write(client: Any, table: str, writer: int, seen: Seen, ending: threading.Event) -> None:
    for number in count():
        if ending.is_set():
            return
        began = time.monotonic()
        try:
            client.put_item(TableName=table, Item={"pk": {"S": f"{writer}-{number}"}})
        except Exception as error:  # noqa: BLE001 - what a client sees is what is looked at
            seen.note(errors=[repr(error)])
        else:
            seen.note(answered=1, seconds=time.monotonic() - began)


def _connect(address: str, seen: Seen, ending: threading.Event) -> None:
    host, _, port = address.rpartition(":")
    while not ending.is_set():
        try:
            socket.create_connection((host, int(port)), ATTEMPT_SECONDS_MAX).close()
        except OSError as error:
            seen.note(refused=[repr(error)])
        else:
            seen.note(connected=1)
        ending.wait(0.002)
