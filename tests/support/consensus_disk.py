"""A simulated disk: transactions are atomic and in order, and those after the last sync may be lost in a crash."""

from collections.abc import Callable

from tests.support.consensus_log import MemoryLog

Transaction = Callable[[MemoryLog], None]


class SimulatedDisk:
    """What one replica has written (current) and what would survive a crash at worst (durable)."""

    def __init__(self, log: MemoryLog):
        self.current = log
        self.durable = log.copy()
        self._unsynced: list[Transaction] = []

    def write(self, transaction: Transaction, *, sync: bool) -> None:
        """Do a transaction; with sync it is durable, and all before it."""
        transaction(self.current)
        self._unsynced.append(transaction)
        if sync:
            self.durable = self.current.copy()
            self._unsynced = []

    def crash(self, draw: Callable[[int], int]) -> None:
        """Lose some of what was not synced: what remains is a prefix."""
        for transaction in self._unsynced[: draw(len(self._unsynced) + 1)]:
            transaction(self.durable)
        self._unsynced = []
        self.current = self.durable.copy()
