"""The way of one node into its region, and its answers to others on theirs.

It introduces itself until a majority of the region's nodes, itself included, has heard of this life and nobody objects; only then
are its replicas opened. The nodes that are missing then are introduced to later, and may still object. Knows the
order of things. Refuses to know the network, and what a founding writes beside its own rows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from node.joining.acquaintances import (
    acknowledging,
    acquaintance_of,
    fields_of,
    merged,
    objection_to,
    remembered,
)
from node.joining.fence import Fence
from node.joining.founding import Adopted, Proposed, Waiting, accepts, next_step
from node.joining.introductions import Acquaintance, Answer, Founding, Introduction, LogEnd
from node.storage.batch import WriteBatch
from node.storage.disk import Disk
from wire.catalog import NodeId, PartitionId
from wire.telemetry import EventLog

ASK_AGAIN_SECONDS: Final = 0.1
REMEMBER_SECONDS: Final = 1.0
TELL_AGAIN_ROUNDS: Final = 50
"""Rounds without progress between two lines in the log."""

_log = EventLog(__name__)


class Region(Protocol):
    """The other nodes of the region, as far as they can be asked."""

    async def introduce(self, node: NodeId, introduction: Introduction) -> Answer | None:
        """Return a node's answer, or None when there is none in time."""
        ...

    async def propose(self, node: NodeId, founding: Founding) -> bool:
        """Have a node write down who founds the region; tell whether it has."""
        ...


class Replicas(Protocol):
    """What this node has of the region's partitions, whether open or not."""

    def found_to(self, batch: WriteBatch, *, alone_only: bool) -> None:
        """Write the first state of the replicas here; with `alone_only`, of those that are the only ones of their group."""
        ...

    def lose_to(self, batch: WriteBatch, lost: Mapping[PartitionId, str] | str) -> None:
        """Mark replicas that are not open as lost, all (for one reason) or some, unless nobody else has one."""
        ...

    def begin_loss(self, lost: Mapping[PartitionId, str] | str) -> None:
        """Have open replicas begin anew as lost."""
        ...

    def ends(self) -> Mapping[PartitionId, LogEnd]:
        """Return where the logs end that are not marked as lost."""
        ...

    def acknowledged(self, node: NodeId) -> Mapping[PartitionId, LogEnd]:
        """Return what a node has acknowledged to the leaders here."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinerParts:
    """A node's disk, its region and its ways to both."""

    node: NodeId
    nodes: Collection[NodeId]
    disk: Disk
    region: Region
    replicas: Replicas
    write: Callable[[WriteBatch], Awaitable[None]]
    """Make a batch durable, however long the disk is full."""


class Joiner:
    """Join the region: `join` before anything else, then `run` until cancelled; answer others at any time."""

    def __init__(self, parts: JoinerParts) -> None:
        self._parts = parts
        self._disk = parts.disk
        self._others = sorted(set(parts.nodes) - {parts.node})
        self._known = {NodeId(node): acquaintance_of(NodeId(node), row) for node, row in parts.disk.peers.items()}
        self._introduced: set[NodeId] = set()
        self._adopting = asyncio.Lock()
        self._is_joined = False
        self._rounds = 0
        self.waits_for = ""
        self._lives = Fence()
        for known in self._known.values():
            self._lives.told(known.node, known.disk, known.life.number, known.former)

    async def join(self) -> None:
        """Return when this node may take part: it has founded the region or found its place in it, and is introduced."""
        batch = WriteBatch()
        self._disk.begin_to(batch)
        await self._parts.write(batch)
        while not await self._advanced():  # noqa: ASYNC110  # what others answer has no event here
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        self._is_joined = True
        _log.info("region_joined", disk=self._disk.disk, life=self._disk.life, lost=self._disk.is_lost)

    async def run(self) -> None:
        """Introduce this node to those that were missing, and remember what the others acknowledge."""
        while True:
            if len(self._introduced) < len(self._others):
                await self._introduce()
            await asyncio.sleep(REMEMBER_SECONDS)
            await self._remember_acknowledged()

    @property
    def fence(self) -> Fence:
        """Return what keeps out messages of earlier lives."""
        return self._lives

    # Towards the others.

    def introduction(self) -> Introduction:
        """Return how this node introduces itself."""
        disk = self._disk
        founding = None if disk.founding is None else {NodeId(node): name for node, name in disk.founding.items()}
        return Introduction(
            node=self._parts.node,
            disk=disk.disk,
            lives=disk.lives,
            founding=founding,
            is_lost=disk.is_lost,
            # Once replicas are open their logs grow, and an answer may know of more than this says.
            ends={} if self._is_joined else self._parts.replicas.ends(),
        )

    async def _advanced(self) -> bool:
        """Ask everybody once more; tell whether this node may take part now."""
        answers = await self._introduce()
        own = self.introduction()
        if own.founding is not None:
            missing = len(self._parts.nodes) // 2 - len(self._introduced)
            self._tell_waiting(f"{missing} more nodes of {', '.join(self._others)}" if missing > 0 else "")
            return missing <= 0
        step = next_step(own, self._parts.nodes, {node: each.introduction for node, each in answers.items()})
        if isinstance(step, Waiting):
            self._tell_waiting(step.why)
        elif isinstance(step, Adopted) or await self._all_have(step):
            await self._adopt(step.founding)
        return False

    async def _all_have(self, proposed: Proposed) -> bool:
        region = self._parts.region
        return all(await asyncio.gather(*(region.propose(node, proposed.founding) for node in self._others)))

    async def _introduce(self) -> dict[NodeId, Answer]:
        own, region = self.introduction(), self._parts.region
        asked = [node for node in self._others if own.founding is None or node not in self._introduced]
        found = await asyncio.gather(*(region.introduce(node, own) for node in asked))
        answers = {node: answer for node, answer in zip(asked, found, strict=True) if answer is not None}
        for node, answer in answers.items():
            await self._take(node, answer, own)
            if own.disk != self._disk.disk:
                # This node is not what it said it was: it begins again, with everybody.
                return {}
        return answers

    async def _take(self, node: NodeId, answer: Answer, own: Introduction) -> None:
        if own.disk != self._disk.disk:
            # What was introduced is gone meanwhile.
            return
        await self._learn(answer.acquaintances)
        self._meet(answer.introduction)
        objection = answer.objection
        if objection.reason:
            _log.error("disk_refused", by=node, reason=objection.reason)
            self._introduced.clear()
            await self._begin_anew(objection.reason)
            return
        if objection.lost:
            _log.error("logs_refused", by=node, partitions=sorted(objection.lost))
            await self._lose(objection.lost)
        self._introduced.add(node)

    async def _learn(self, acquaintances: Collection[Acquaintance]) -> None:
        """Remember what somebody else knows of others, who may be gone when it is needed."""
        changed = []
        for told in acquaintances:
            known = self._known.get(told.node)
            if told.node != self._parts.node and (learned := merged(told, known)) != known:
                self._known[told.node] = learned
                changed.append(told.node)
            self._lives.told(told.node, told.disk, told.life.number, told.former)
        await self._write_known(changed)

    async def _begin_anew(self, reason: str) -> None:
        """Give up this disk's name and everything it promised: it is an older copy."""
        self._disk.condemn(reason)
        if self._is_joined:
            self._parts.replicas.begin_loss(reason)
            return
        batch = WriteBatch()
        self._disk.begin_to(batch)
        self._parts.replicas.lose_to(batch, reason)
        await self._parts.write(batch)

    async def _lose(self, lost: Mapping[PartitionId, str]) -> None:
        if self._is_joined:
            self._parts.replicas.begin_loss(lost)
            return
        batch = WriteBatch()
        self._parts.replicas.lose_to(batch, lost)
        await self._parts.write(batch)

    async def _adopt(self, founding: Founding) -> bool:
        """Write down who founded the region, and what that makes of this node's replicas, in one transaction."""
        async with self._adopting:
            if self._disk.founding is not None:
                return self._disk.founding == founding
            batch = WriteBatch()
            self._disk.found_to(batch, founding)
            is_founder = not self._disk.is_lost and founding.get(self._parts.node) == self._disk.disk
            self._parts.replicas.found_to(batch, alone_only=not is_founder)
            if not is_founder:
                reason = (
                    f"the disk is new, and the region was founded on others: {self._disk.name.lost or 'it was empty'}"
                )
                self._parts.replicas.lose_to(batch, reason)
            await self._parts.write(batch)
        _log.info("founding_known", is_founder=is_founder, founders=_shown(founding))
        return True

    def _tell_waiting(self, why: str) -> None:
        if why and self._rounds % TELL_AGAIN_ROUNDS == 0:
            # Nodes of a region that starts wait for one another for a moment, which is nothing to warn of.
            tell = _log.warning if self._rounds else _log.info
            tell("joining_waits", why=why)
        self._rounds += 1
        self.waits_for = why

    # From the others.

    async def answer(self, introduction: Introduction) -> Answer:
        """Answer another node's introduction, having remembered it durably if nothing speaks against it."""
        node = introduction.node
        known = self._informed(node)
        own = self.introduction()
        objection = objection_to(introduction, known, own.founding)
        if not objection.reason and introduction.lives:
            self._known[node] = remembered(introduction, known)
            self._meet(introduction)
            await self._write_known([node])
        return Answer(introduction=own, objection=objection, acquaintances=tuple(self._known.values()))

    async def adopt_proposed(self, founding: Founding) -> bool:
        """Write down the founders that another node proposes; tell whether they are this node's now."""
        if not accepts(self.introduction(), founding):
            return self._disk.founding == founding
        return await self._adopt(founding)

    def _informed(self, node: NodeId) -> Acquaintance | None:
        """Return what is known of a node, with what leaders here know of it at this moment."""
        known = self._known.get(node)
        return None if known is None else acknowledging(known, self._parts.replicas.acknowledged(node))

    async def _remember_acknowledged(self) -> None:
        changed = []
        for node in self._others:
            known = self._informed(node)
            if known is not None and known != self._known[node]:
                self._known[node] = known
                changed.append(node)
        await self._write_known(changed)

    async def _write_known(self, nodes: Collection[NodeId]) -> None:
        batch = WriteBatch()
        for node in nodes:
            self._disk.know_to(batch, node, fields_of(self._known[node]))
        if nodes:
            await self._parts.write(batch)

    def _meet(self, introduction: Introduction) -> None:
        known = self._known.get(introduction.node)
        former = () if known is None else known.former
        if introduction.disk and introduction.lives:
            self._lives.introduced(introduction.node, introduction.disk, introduction.lives[-1].number, former)


def _shown(founding: Founding) -> str:
    return ",".join(f"{node}:{disk}" for node, disk in sorted(founding.items()))
