"""A simulated network: loses, delays, repeats, reorders, and cuts links in one direction or both."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

from node.consensus.types import Message, MessageKind

DELAY_US = 500
LATE_US = 400_000


class SimulatedNetwork:
    """Carries messages between replicas, badly. Snapshots travel slower, and their sender hears how it went."""

    def __init__(self, random: Random, after: Callable[[int, Callable[[], None]], None]):
        self._random = random
        self._after = after
        self._cut: set[tuple[int, int]] = set()
        self.loss = 0.0
        self.duplication = 0.0
        self.lateness = 0.0
        self.deliver: Callable[[Message], None] = lambda message: None
        self.report_snapshot: Callable[[Message, bool], None] = lambda message, ok: None
        self.messages_sent = 0

    def send(self, message: Message) -> None:
        """Take a message; deliver it once, twice or never."""
        self.messages_sent += 1
        if (message.sender, message.recipient) in self._cut or self._random.random() < self.loss:
            if message.kind is MessageKind.SNAPSHOT:
                self._after(20 * DELAY_US, lambda: self.report_snapshot(message, False))
            return
        self._carry(message)
        if self._random.random() < self.duplication:
            self._carry(message)

    def _carry(self, message: Message) -> None:
        delay_us = DELAY_US // 4 + self._random.randrange(DELAY_US)
        if self._random.random() < self.lateness:
            delay_us = self._random.randrange(LATE_US)
        if message.kind is MessageKind.SNAPSHOT:
            delay_us *= 10
            self._after(delay_us + DELAY_US, lambda: self.report_snapshot(message, True))
        self._after(delay_us, lambda: self.deliver(replace(message)))

    def cut(self, links: Iterable[tuple[int, int]]) -> None:
        """Lose everything on these links, each (sender, recipient), until healed."""
        self._cut.update(links)

    def mend(self, links: Iterable[tuple[int, int]]) -> None:
        """Carry messages on these links again."""
        self._cut.difference_update(links)

    def heal(self) -> None:
        """Connect everything again; how reliably stays as it is."""
        self._cut = set()

    def become_perfect(self) -> None:
        """Connect everything and lose nothing any more."""
        self.heal()
        self.loss = self.duplication = self.lateness = 0.0
