"""Networks of their own for the processes of a test, in which packets between any two of them can be dropped.

Each process runs in a network namespace with an address of its own; a namespace in the middle bridges them, so that no firewall of the
machine has a say, and reaches out to the test. What is dropped, or lost by chance, is dropped where it arrives: neither side is told.
Needs root and the commands `ip` and `nft`.
"""

import ctypes
import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.support.packages import need_command

_CLONE_NEWNET = 0x40000000
_PREFIX_BITS = 24
_CHAIN = "add chain ip cut input { type filter hook input priority 0; policy accept; }\n"
_libc = ctypes.CDLL(None, use_errno=True)


class Networks:
    """Namespaces by the names of what runs in them; the test itself is at `host`."""

    def __init__(self, names: Sequence[str], generator: random.Random) -> None:
        self._id = f"gt{generator.randrange(1 << 24):06x}"
        # From a block that nobody should use (benchmarking of network devices, RFC 2544).
        self._prefix = f"198.{generator.choice((18, 19))}.{generator.randrange(256)}"
        self.addresses = {name: f"{self._prefix}.{number}" for number, name in enumerate(names, 10)}
        self.host = f"{self._prefix}.1"
        self._namespaces = {name: f"{self._id}-{number}" for number, name in enumerate(names)}
        self._hub = f"{self._id}-hub"

    def make(self) -> None:
        """Make them all; `remove` takes away what there is, also after a failure."""
        _ip("netns", "add", self._hub)
        _ip("-n", self._hub, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._hub, "link", "set", "bridge", "up")
        self._join(f"{self._id}host", None, self.host)
        for number, (name, namespace) in enumerate(self._namespaces.items()):
            _ip("netns", "add", namespace)
            _ip("-n", namespace, "link", "set", "lo", "up")
            self._join(f"{self._id}p{number}", namespace, self.addresses[name])
        for name in self._namespaces:
            self.mend(name)

    def remove(self) -> None:
        """Take everything away; processes in it have ended."""
        for namespace in (*self._namespaces.values(), self._hub):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", f"{self._id}host"], capture_output=True, check=False)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Have what this thread starts run in a namespace."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        other = os.open(f"/run/netns/{self._namespaces[name]}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _set_namespace(other)
            yield
        finally:
            _set_namespace(own)
            os.close(own)
            os.close(other)

    def drop(self, source: str, destination: str) -> None:
        """Drop every packet from one to the other, until `mend`."""
        self._rule(destination, f"ip saddr {self.addresses[source]} drop")

    def lose(self, percent: int) -> None:
        """Lose a share of all packets between processes, by chance, until `mend`."""
        for destination in self._namespaces:
            self._rule(
                destination,
                f"ip saddr {self._prefix}.0/{_PREFIX_BITS} ip saddr != {self.host} {_by_chance(percent)} drop",
            )

    def mend(self, name: str) -> None:
        """Let everything through to one."""
        self._nft(name, "add table ip cut\ndelete table ip cut\nadd table ip cut\n" + _CHAIN)

    def mend_all(self) -> None:
        """Let everything through."""
        for name in self._namespaces:
            self.mend(name)

    def _rule(self, name: str, rule: str) -> None:
        self._nft(name, f"add rule ip cut input {rule}\n")

    def _nft(self, name: str, script: str) -> None:
        _run("ip", "netns", "exec", self._namespaces[name], "nft", "-f", "-", script=script)

    def _join(self, link: str, namespace: str | None, address: str) -> None:
        """Lay a cable from a namespace (None: the machine's own) to the bridge."""
        there = f"{link}b"
        _ip("-n", self._hub, "link", "add", there, "type", "veth", "peer", "name", link)
        _ip("-n", self._hub, "link", "set", link, "netns", namespace or str(os.getpid()))
        _ip("-n", self._hub, "link", "set", there, "master", "bridge", "up")
        inside = ("-n", namespace) if namespace else ()
        _ip(*inside, "addr", "add", f"{address}/{_PREFIX_BITS}", "dev", link)
        _ip(*inside, "link", "set", link, "up")


@contextmanager
def networks(names: Sequence[str]) -> Iterator[Networks]:
    """Make a network for each name, and remove them at the end. Fails the test where that is not possible."""
    if os.geteuid() != 0:
        pytest.fail("NOT RUN: networks for processes can be made by root only")
    need_command("ip", "iproute2", "which makes networks for processes")
    need_command("nft", "nftables", "which drops packets between them")
    found = Networks(names, random.SystemRandom())
    try:
        found.make()
        yield found
    finally:
        found.remove()


def _by_chance(percent: int) -> str:
    return f"numgen random mod 100 < {percent}"


def _set_namespace(file: int) -> None:
    if _libc.setns(file, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(*arguments: str) -> None:
    _run("ip", *arguments)


def _run(*arguments: str, script: str | None = None) -> None:
    done = subprocess.run(arguments, input=script, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
