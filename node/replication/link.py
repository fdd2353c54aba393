"""One region's connection, shared by all shippers of this node that send there.

Knows connecting, back-off, the faults a tester may set, and whose batch an answer belongs to. Refuses to know tables and cursors.
"""

import asyncio
import random
from collections import deque
from itertools import count
from typing import Final, Protocol

from node.replication import events as e
from node.replication.backoff import Backoff
from node.replication.cursors import BatchId
from node.replication.gateways import BatchAnswer, GatewayConnection, Gateways, LinkBrokenError, OutgoingBatch
from wire.catalog import LinkSpec, LinkState
from wire.clock import Clock
from wire.outages import Outage
from wire.telemetry import EventLog

CONTROL_SECONDS: Final = 10.0

_log = EventLog(__name__)


class LinkCounts:
    """Count what passed a link since the node started, whichever partitions it led."""

    __slots__ = ("applied", "breaks", "refused", "superseded")

    def __init__(self) -> None:
        self.applied = self.superseded = self.refused = self.breaks = 0


class LinkUser(Protocol):
    """A shipper, as its link sees it."""

    @property
    def partition(self) -> int:
        """Return the partition it ships."""
        ...

    def step(self, event: e.Event) -> None:
        """Take an event."""
        ...


class Link:
    """Keep one connection while anybody wants it and the link is not cut.

    The batches waiting here are bounded by the windows of the shippers. `batch_ids` is what their cores number batches from.
    """

    def __init__(
        self, destination: str, gateways: Gateways, clock: Clock, randomness: random.Random, backoff_seconds_max: float
    ) -> None:
        self.destination = destination
        self.batch_ids = count(1)
        self.counts = LinkCounts()
        self._gateways = gateways
        self._clock = clock
        self._randomness = randomness
        self._backoff = Backoff(backoff_seconds_max)
        self._spec = LinkSpec(destination)
        self._users: list[LinkUser] = []
        self._owners: dict[BatchId, LinkUser] = {}
        self._waiting: deque[OutgoingBatch] = deque()
        self._has_waiting = asyncio.Event()
        self._is_wanted = asyncio.Event()
        self._is_broken = asyncio.Event()
        self._is_connected = False
        self._outage = Outage(_log, lost="link_lost", lasting="link_down", over="link_up", destination=destination)

    @property
    def state(self) -> str:
        """Return what a tester made of the link, or whether it is up or down."""
        if self._spec.state is not LinkState.UP:
            return self._spec.state.value
        return "up" if self._is_connected or not self._users else "down"

    @property
    def is_cut(self) -> bool:
        """Whether nothing at all may pass."""
        return self._spec.state is LinkState.CUT

    def attach(self, user: LinkUser) -> None:
        """Take a shipper on and tell it how things are."""
        self._users.append(user)
        self._note_wanted()
        user.step(self._condition())

    def detach(self, user: LinkUser) -> None:
        """Let a shipper go; answers to its batches are dropped."""
        self._users.remove(user)
        self._owners = {batch: owner for batch, owner in self._owners.items() if owner is not user}
        self._note_wanted()

    def set_spec(self, spec: LinkSpec) -> None:
        """Break, slow or mend the link."""
        if spec == self._spec:
            return
        _log.info("link_set", destination=self.destination, state=spec.state.value, delay_ms=spec.delay_ms)
        self._spec = spec
        self._backoff.succeeded()
        self._note_wanted()
        if spec.state in (LinkState.CUT, LinkState.PAUSED):
            self._drop_batches()
        if self.is_cut:
            self._is_broken.set()
        self._tell_users()

    def send(self, user: LinkUser, effect: e.Send) -> None:
        """Queue a batch; it leaves when it is due."""
        self._owners[effect.batch] = user
        membership = effect.membership
        batch = OutgoingBatch(
            effect.batch,
            user.partition,
            membership.name,
            membership.global_table_id,
            effect.changes,
            joined_ms=membership.joined_ms,
            ahead=effect.ahead,
        )
        delay = effect.due - self._clock.monotonic()
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._queue, batch)
        else:
            self._queue(batch)

    def reset(self, reason: str) -> None:
        """Give the present connection up and open another."""
        _log.warning("link_reset", destination=self.destination, reason=reason)
        self._is_broken.set()

    async def run(self) -> None:
        """Connect whenever that is wanted, until cancelled."""
        while True:
            await self._is_wanted.wait()
            await self._connect()
            if self._is_wanted.is_set():
                await asyncio.sleep(self._backoff.failed() * self._randomness.uniform(0.5, 1.0))

    async def _connect(self) -> None:
        """Keep a connection until it breaks; every reason to end it comes as a LinkBrokenError."""
        self._is_broken.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch())
                tasks.create_task(self._carry())
        except* LinkBrokenError as broken:
            # Given up on purpose, cut or without a shipper, it is no outage.
            if self._is_wanted.is_set():
                self._outage.failed(self._clock.monotonic(), reason=_reason(broken))
        finally:
            self._set_connected(False)

    async def _watch(self) -> None:
        await self._is_broken.wait()
        raise LinkBrokenError("cut or reset here")

    async def _carry(self) -> None:
        async with self._gateways.connect(self.destination) as connection, asyncio.TaskGroup() as tasks:
            self._outage.ended(self._clock.monotonic())
            self._set_connected(True)
            tasks.create_task(self._send_all(connection))
            async for answer in connection.answers():
                self._backoff.succeeded()
                self._pass_on(answer)
            raise LinkBrokenError("the other side ended the stream")

    async def _send_all(self, connection: GatewayConnection) -> None:
        while True:
            while self._waiting:
                await connection.send(self._waiting.popleft())
            self._has_waiting.clear()
            await self._has_waiting.wait()

    def _pass_on(self, answer: BatchAnswer) -> None:
        owner = self._owners.pop(answer.id, None)
        if owner is None:
            return
        if answer.code:
            self.counts.refused += 1
            owner.step(e.Refused(batch=answer.id, reason=f"{answer.code}: {answer.message}"))
        else:
            self.counts.applied += answer.applied
            self.counts.superseded += answer.superseded
            owner.step(
                e.Acknowledged(batch=answer.id, applied=answer.applied, superseded=answer.superseded, held=answer.held)
            )

    def _queue(self, batch: OutgoingBatch) -> None:
        if batch.id in self._owners:  # else the link was broken, or its shipper left, while the batch waited
            self._waiting.append(batch)
            self._has_waiting.set()

    def _drop_batches(self) -> None:
        self._waiting.clear()
        self._owners.clear()

    def _note_wanted(self) -> None:
        if self._users and not self.is_cut:
            self._is_wanted.set()
        else:
            self._is_wanted.clear()
            self._outage.forget()
        if not self._users:
            self._is_broken.set()

    def _set_connected(self, is_connected: bool) -> None:
        if self._is_connected == is_connected:
            return
        self._is_connected = is_connected
        if not is_connected:
            self.counts.breaks += 1
            self._drop_batches()
        self._tell_users()

    def _condition(self) -> e.LinkChanged:
        delay_ms = self._spec.delay_ms if self._spec.state is LinkState.DELAYED else 0
        is_paused = self._spec.state is LinkState.PAUSED
        return e.LinkChanged(
            is_connected=self._is_connected and not self.is_cut, is_paused=is_paused, delay_ms=delay_ms
        )

    def _tell_users(self) -> None:
        for user in list(self._users):
            user.step(self._condition())


def _reason(broken: BaseExceptionGroup[BaseException]) -> str:
    first = broken.exceptions[0]
    return _reason(first) if isinstance(first, BaseExceptionGroup) else str(first)
