"""Notices that a partition led here has applied something new, so that its shippers look for change records.

Knows log indexes only. A look is one comparison per partition shipped; nothing is read, and nothing is woken, while nobody writes.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final, Protocol

from wire.catalog import PartitionId

LOOK_SECONDS: Final = 0.025


class Watched(Protocol):
    """The part of a replica that is looked at."""

    @property
    def partition(self) -> PartitionId:
        """Return the partition's id."""
        ...

    @property
    def proposed_index(self) -> int:
        """Return the last index proposed so far."""
        ...

    async def applied_barrier(self) -> bool:
        """Wait until everything evaluated before the call is applied; False when leadership was lost first."""
        ...


class AppliedWatch:
    """Look at replicas in turn; tell of each that has moved, once what moved it is applied."""

    def __init__(self, replicas: Callable[[], Collection[Watched]], applied: Callable[[PartitionId], None]) -> None:
        self._replicas = replicas
        self._applied = applied
        self._seen: dict[PartitionId, int] = {}
        self._waiting: set[PartitionId] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                for replica in self._replicas():
                    if replica.proposed_index != self._seen.get(replica.partition):
                        self._look_into(replica, tasks)
                await asyncio.sleep(LOOK_SECONDS)

    def _look_into(self, replica: Watched, tasks: asyncio.TaskGroup) -> None:
        if replica.partition not in self._waiting:
            self._seen[replica.partition] = replica.proposed_index
            self._waiting.add(replica.partition)
            tasks.create_task(self._wait(replica))

    async def _wait(self, replica: Watched) -> None:
        try:
            if await replica.applied_barrier():
                self._applied(replica.partition)
        finally:
            self._waiting.discard(replica.partition)
