"""Makes the way out of a container lossy or slow: runs in a helper container that shares its network and may administer it.

usage: container_impairment.py ADDRESS LOSS_PERCENT DELAY_MS

What leaves by the interface with ADDRESS is concerned, nothing that comes in. `tc netem` does it where the kernel has it; elsewhere
iptables drops, and packets wait in a queue (NFQUEUE) that is answered here. Says which in a line, then waits for SIGTERM, mends the
network, and says how many packets it has dropped and how many it has slowed down.
"""

import json
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator

QUEUE = 0
PACKETS_MAX = 10_000  # held back at once; more are dropped, as in a queue of any router
NETFILTER = 12  # socket.NETLINK_NETFILTER has no name in Python
PACKET, VERDICT, CONFIG = 0x300, 0x301, 0x302
BIND, COPY_META, ACCEPT = 1, 1, 1
REQUEST = 1


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def interface_of(address: str) -> str:
    for each in json.loads(run("ip", "-json", "-4", "address").stdout):
        if any(held["local"] == address for held in each["addr_info"]):
            return str(each["ifname"])
    raise SystemExit(f"no interface has the address {address}")


class Netem:
    """The kernel's own."""

    name = "netem"

    def __init__(self, interface: str, loss_percent: int, delay_ms: int) -> None:
        self._interface = interface
        self._words = ["loss", f"{loss_percent}%"] * bool(loss_percent) + ["delay", f"{delay_ms}ms"] * bool(delay_ms)
        self._slows = bool(delay_ms)

    def begin(self) -> bool:
        return run("tc", "qdisc", "add", "dev", self._interface, "root", "netem", *self._words).returncode == 0

    def hold(self, stopping: socket.socket) -> None:
        stopping.recv(1)

    def end(self) -> tuple[int, int]:
        (seen,) = json.loads(run("tc", "-json", "-s", "qdisc", "show", "dev", self._interface).stdout)
        run("tc", "qdisc", "del", "dev", self._interface, "root")
        return seen["drops"], seen["packets"] if self._slows else 0


class PacketFilter:
    """Random drops by a rule, delays by a queue to this process."""

    name = "iptables"

    def __init__(self, interface: str, loss_percent: int, delay_ms: int) -> None:
        chosen = ("-m", "statistic", "--mode", "random", "--probability", f"{loss_percent / 100}", "-j", "DROP")
        queued = ("-j", "NFQUEUE", "--queue-num", f"{QUEUE}", "--queue-bypass")
        self._rules = [
            ("OUTPUT", "-o", interface, *rule) for rule in (chosen, queued)[not loss_percent : 1 + bool(delay_ms)]
        ]
        self._delay_seconds = delay_ms / 1000
        self._slowed = 0

    def begin(self) -> bool:
        return all(run("iptables", "-A", *rule).returncode == 0 for rule in self._rules)

    def hold(self, stopping: socket.socket) -> None:
        if not self._delay_seconds:
            stopping.recv(1)
            return
        queue = bound_queue()
        due: deque[tuple[float, int]] = deque()
        while True:
            wait = max(0.0, due[0][0] - time.monotonic()) if due else None
            ready = select.select([queue, stopping], [], [], wait)[0]
            if stopping in ready:
                return  # the queue ends with its socket, and what waits in it is dropped
            if queue in ready:
                due += ((time.monotonic() + self._delay_seconds, packet) for packet in packets(queue.recv(1 << 20)))
            while due and due[0][0] <= time.monotonic():
                accept(queue, due.popleft()[1])
                self._slowed += 1

    def end(self) -> tuple[int, int]:
        shown = run("iptables", "-nvxL", "OUTPUT").stdout.splitlines()
        for rule in self._rules:
            run("iptables", "-D", *rule)
        return sum(int(line.split()[0]) for line in shown if " DROP " in line), self._slowed


def bound_queue() -> socket.socket:
    """Return a netlink socket that receives the queue's packets, without their content."""
    queue = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
    queue.bind((0, 0))
    queue.send(message(CONFIG, attribute(1, struct.pack("!BxH", BIND, socket.AF_INET))))
    queue.send(message(CONFIG, attribute(2, struct.pack("!IB", 0, COPY_META))))
    queue.send(message(CONFIG, attribute(3, struct.pack("!I", PACKETS_MAX))))
    return queue


def accept(queue: socket.socket, packet: int) -> None:
    """Let a packet go on."""
    queue.send(message(VERDICT, attribute(2, struct.pack("!II", ACCEPT, packet))))


def packets(received: bytes) -> Iterator[int]:
    """Yield the ids of the packets that messages tell of."""
    while len(received) >= 16:
        length, kind = struct.unpack_from("=IH", received)
        # The first attribute of a packet, after the headers of netlink and netfilter, begins with its id.
        if kind == PACKET:
            yield struct.unpack_from("!I", received, 24)[0]
        received = received[(length + 3) & ~3 :]


def message(kind: int, content: bytes) -> bytes:
    """Return a message about the queue, as netlink wants it."""
    content = struct.pack("!BBH", socket.AF_UNSPEC, 0, QUEUE) + content
    return struct.pack("=IHHII", 16 + len(content), kind, REQUEST, 0, 0) + content


def attribute(kind: int, value: bytes) -> bytes:
    """Return an attribute, padded."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def main() -> None:
    address, loss_percent, delay_ms = sys.argv[1:]
    asked = interface_of(address), int(loss_percent), int(delay_ms)
    told, stopping = socket.socketpair()
    signal.signal(signal.SIGTERM, lambda *_: told.send(b"."))
    way: Netem | PacketFilter = Netem(*asked)
    if not way.begin():
        way = PacketFilter(*asked)
        if not way.begin():
            raise SystemExit("neither netem nor iptables can do it on this kernel")
    print(json.dumps({"by": way.name}), flush=True)
    way.hold(stopping)
    dropped, slowed = way.end()
    print(json.dumps({"dropped": dropped, "slowed": slowed}), flush=True)


if __name__ == "__main__":
    main()
