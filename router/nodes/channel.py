"""What the router needs of a node, whether it runs in another process or in this one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from wire.catalog import Delta, PartitionId
from wire.commands import Command, Outcome


class NodeChannel(Protocol):
    """Send commands to one node and follow its catalog."""

    @property
    def is_sound(self) -> bool:
        """Tell whether commands are likely to reach the node and their outcomes to come back."""
        ...

    def send(
        self,
        partition: PartitionId,
        epoch: int,
        command: Command,
        *,
        catalog_version: int,
        deadline: float,
        forward_to: str = "",
    ) -> asyncio.Future[Outcome]:
        """Send a command, perhaps for another node to which this one is to pass it; the future gets its outcome and never an exception.

        `deadline` is on the monotonic clock, in seconds; an outcome comes at about that time if not before. What went wrong on
        the way is an outcome as well: Failed with NOT_READY or OVERLOADED when the command has not left, with UNKNOWN_OUTCOME when
        it has and the answer is lost, with UNANSWERED when it has and the node, still connected, says nothing.
        """
        ...

    def watch(self, known_version: int) -> AsyncIterator[Delta]:
        """Yield catalog deltas after `known_version`, or a full one; raise StoreError when the node is gone or silent."""
        ...

    async def run(self) -> None:
        """Keep the channel up until cancelled."""
        ...
