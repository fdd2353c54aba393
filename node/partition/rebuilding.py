"""Rebuilding the damaged replicas of a node: asking the others of their groups, again and again, whether they can spare one.

Knows who is damaged and who has been asked. Refuses to know the rules, which are those of `quarantine`, and how a replica begins anew.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from node.partition.quarantine import REFUSED, Permit, Permits
from wire.catalog import NodeId, PartitionId, Placement
from wire.telemetry import EventLog

ASK_TIMEOUT_SECONDS = 2.0

_log = EventLog(__name__)


class PermitTransport(Protocol):
    """Carry a damaged replica's question to another node."""

    async def ask_permit(self, node: NodeId, partition: PartitionId, replica: int) -> Permit:
        """Return what the replica there answers; one that cannot be reached refuses."""
        ...

    async def ask_checkpoint(self, node: NodeId, partition: PartitionId) -> bytes:
        """Return what the replica there held at its last checkpoint; empty = it does not say."""
        ...


class NobodyToAsk:
    """Satisfy `PermitTransport` where there are no other nodes."""

    async def ask_permit(self, node: NodeId, partition: PartitionId, replica: int) -> Permit:
        """Refuse."""
        return REFUSED

    async def ask_checkpoint(self, node: NodeId, partition: PartitionId) -> bytes:
        """Say nothing."""
        return b""


@dataclass(slots=True, kw_only=True)
class Damaged:
    """A replica that waits to be rebuilt."""

    placement: Placement
    reason: str
    permits: Permits = field(default_factory=Permits)


class Rebuilding:
    """Ask for the damaged replicas of one node, one question at a time for each."""

    def __init__(
        self,
        *,
        node: NodeId,
        transport: PermitTransport,
        monotonic: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        lose: Callable[[PartitionId, str], None],
    ) -> None:
        self._node = node
        self._transport = transport
        self._monotonic = monotonic
        self._spawn = spawn
        self._lose = lose
        self._asking: set[PartitionId] = set()

    def consider(self, damaged: Damaged) -> None:
        """Ask for a replica, unless that is under way or it has promised to stay."""
        partition = damaged.placement.partition
        if partition not in self._asking and damaged.permits.may_ask(self._monotonic()):
            self._asking.add(partition)
            self._spawn(self._ask(damaged))

    async def _ask(self, damaged: Damaged) -> None:
        placement, partition = damaged.placement, damaged.placement.partition
        replica = next(each.replica for each in placement.replicas if each.node == self._node)
        others = [each.node for each in placement.replicas if each.node != self._node]
        began = self._monotonic()
        try:
            answers = await asyncio.gather(*(self._answer(node, partition, replica) for node in others))
        finally:
            self._asking.discard(partition)
        if damaged.permits.decide(answers, len(placement.replicas), began, self._monotonic()):
            _log.warning("replica_is_rebuilt", partition=partition, reason=damaged.reason)
            self._lose(partition, f"its data was damaged: {damaged.reason}")

    async def _answer(self, node: NodeId, partition: PartitionId, replica: int) -> Permit:
        try:
            async with asyncio.timeout(ASK_TIMEOUT_SECONDS):
                return await self._transport.ask_permit(node, partition, replica)
        except TimeoutError:
            return REFUSED
