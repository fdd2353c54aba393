"""Requests for a leader that their sender cannot reach: passed on to it, once, by a node of the region that hears it.

Knows who is meant, and how many may be on their way. Refuses to know what is asked: the outcome goes back as it came. One hop at
most, because what is passed on names nobody any more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from node.partition.access import OnDone
from node.rpc.exchange import RequestTaker
from wire.catalog import NodeId
from wire.commands import Failed, NotLeader, Outcome, Request
from wire.errors import ErrorCode

FORWARDED_AT_ONCE_MAX: Final = 1_024
"""Requests that this node carries for others at a time; more are refused, and not applied."""

Carry = Callable[[NodeId, Request], Awaitable[Outcome]]
"""Have another node carry a request out; NOT_READY when it cannot be reached."""


class Forwarder:
    """Take requests for the node itself, and pass on those that name a leader which this node follows."""

    def __init__(self, node: RequestTaker, carry: Carry) -> None:
        self._node = node
        self._carry = carry
        self._tasks: set[asyncio.Task[None]] = set()
        self.forwarded = 0

    def submit(self, request: Request, on_done: OnDone) -> None:
        """Take a request; one that this node cannot serve goes on to the leader it names, if that leads as far as is known here."""
        if not request.forward_to:
            self._node.submit(request, on_done)
            return

        def done(request_id: int, outcome: Outcome) -> None:
            if isinstance(outcome, NotLeader) and outcome.leader == request.forward_to:
                self._forward(request, on_done)
            else:
                on_done(request_id, outcome)

        self._node.submit(request, done)

    async def stop(self) -> None:
        """Give up what is on its way; nobody is told."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forward(self, request: Request, on_done: OnDone) -> None:
        if len(self._tasks) >= FORWARDED_AT_ONCE_MAX:
            text = f"{len(self._tasks)} requests are being forwarded to leaders that others cannot reach"
            on_done(request.id, Failed(ErrorCode.OVERLOADED, text))
            return
        self.forwarded += 1
        task = asyncio.get_running_loop().create_task(self._carried(request, on_done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carried(self, request: Request, on_done: OnDone) -> None:
        outcome = await self._carry(NodeId(request.forward_to), request._replace(forward_to=""))
        on_done(request.id, outcome)
