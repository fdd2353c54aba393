"""One partition core among two followers that answer as well as anybody could, or not at all."""

import math
import random
from collections.abc import Callable

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.types import Index, Message, MessageKind, ReplicaId, Term
from node.partition.core import PartitionCore, Surroundings
from node.partition.items import ItemMachine
from node.partition.merges import MergeRules
from node.partition.page_turns import PageTurns, PageTurnsSpec
from node.partition.rounds import Rounds
from node.partition.rows import Progress, write_cursor, write_progress
from node.partition.settings import PartitionConfig
from node.partition.turns import ApplyPlan, Turn
from node.partition.waiting import Waiting
from node.storage.memory_engine import MemoryEngine
from tests.support.clock import ManualClock
from tests.support.consensus_log import MemoryLog
from wire.catalog import NodeId, PartitionId, Placement, ReplicaPlacement
from wire.clock import Clock
from wire.commands import Command, Outcome, Request
from wire.keys import RING_TOKENS
from wire.tables import TableSpec
from wire.versions import HybridClock

PARTITION = PartitionId(1)
LEASE_SECONDS = 0.8
TICK_SECONDS = 0.1

_REPLIES = {
    MessageKind.PRE_VOTE: MessageKind.PRE_VOTE_REPLY,
    MessageKind.VOTE: MessageKind.VOTE_REPLY,
    MessageKind.APPEND: MessageKind.APPEND_REPLY,
    MessageKind.HEARTBEAT: MessageKind.HEARTBEAT_REPLY,
}


class CoreBench:
    """Drive replica 1 of three by hand. `peers_answer` and `applies` can be switched off to see what has to wait."""

    def __init__(
        self,
        *tables: TableSpec,
        config: PartitionConfig | None = None,
        progress: Progress | None = None,
        lease_seconds: float = LEASE_SECONDS,
        pages: PageTurnsSpec | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.engine = MemoryEngine()
        self.log = MemoryLog.of_voters(1, 2, 3)
        self.catalog_version = 1
        self.peers_answer = True
        self.applies = True
        # Peers that say so in every answer, and peers that say nothing.
        self.lacking_space: set[int] = set()
        self.silent: set[int] = set()
        self.sent: list[Message] = []
        self.outcomes: dict[int, Outcome] = {}
        self._held: list[ApplyPlan] = []
        self._sequence = 0
        self._request_id = 0
        self.rounds = Rounds(self.clock.monotonic, lambda _: None)
        self.pages = PageTurns(self.clock.monotonic, lambda: None, pages)
        by_number = self.tables = {table.number: table for table in tables}
        rules = MergeRules(HybridClock(self.clock, 1), 60_000, self.clock.wall_ms, 1)
        slice_weight = (pages or PageTurnsSpec()).slice_weight
        self.machine = ItemMachine(PARTITION, lambda: by_number, rules, slice_weight=slice_weight)
        replicas = tuple(ReplicaPlacement(number, NodeId(f"n{number}")) for number in (1, 2, 3))
        consensus = ConsensusConfig(id=ReplicaId(1))
        self.core = PartitionCore(
            config=config or PartitionConfig(),
            lease_seconds=lease_seconds,
            consensus=ConsensusCore(consensus, self.log, random.Random(1)),
            machine=self.machine,
            placement=Placement(PARTITION, 0, RING_TOKENS, 1, replicas),
            progress=progress or Progress(),
            surroundings=Surroundings(
                monotonic=self.clock.monotonic,
                open_view=self.engine.snapshot,
                catalog_version=lambda: self.catalog_version,
                rounds=self.rounds,
                pages=self.pages,
            ),
        )

    def use_clock(self, clock: Clock) -> None:
        """Let pages go by another clock from now on."""
        self.pages._monotonic = clock.monotonic

    def waiting(self, command: Command) -> Waiting:
        """Return a request as the core holds it, with all the time there is."""
        self._request_id += 1
        return Waiting(self._request_id, self.done(), math.inf, command)

    def elect(self) -> "CoreBench":
        """Make this replica the leader; it is ready if the peers answer and entries are applied."""
        while not self.core.is_leader:
            self.tick()
        self.run()
        self.tick()
        return self

    def tick(self, count: int = 1) -> None:
        """Let time pass, one tick after another."""
        for _ in range(count):
            self.clock.advance(TICK_SECONDS)
            self.core.tick()
            self.run()

    def run(self) -> None:
        """Carry out turns until nothing is left to do."""
        while (turn := self.core.turn()) is not None:
            self.rounds.close()
            self.carry_out(turn)

    def carry_out(self, turn: Turn) -> None:
        """Persist, send and apply."""
        self._send([*turn.early])
        self.log.persist(turn.ready)
        if turn.ready.must_sync:
            self.core.persisted(turn)
        self._send([*turn.late])
        if turn.plan is not None:
            self._held.append(turn.plan)
        if self.applies:
            self.apply()

    def apply(self) -> None:
        """Apply everything that is committed and was held back."""
        held, self._held = self._held, []
        for plan in held:
            with self.engine.transaction() as transaction:
                self._sequence = self.machine.apply(plan.effects, self._sequence, transaction)
                for cursor in plan.cursors:
                    write_cursor(transaction, PARTITION, cursor.name, cursor.value)
                write_progress(transaction, PARTITION, Progress(self._sequence, plan.catalog_version))
            self.core.applied(plan)

    def submit(self, command: Command, *, timeout_ms: int = 5_000, epoch: int = 1) -> int:
        """Submit a command without giving it a turn; its outcome will be in `outcomes` under the returned id."""
        self._request_id += 1
        request = Request(self._request_id, PARTITION, epoch, timeout_ms, command)
        self.core.submit(request, self.done())
        return self._request_id

    def ask(self, command: Command) -> Outcome | None:
        """Submit a command, do what there is to do, and return its outcome if there is one."""
        request_id = self.submit(command)
        self.run()
        return self.outcomes.get(request_id)

    def done(self) -> Callable[[int, Outcome], None]:
        def noted(request_id: int, outcome: Outcome) -> None:
            assert request_id not in self.outcomes, f"request {request_id} was answered twice"
            self.outcomes[request_id] = outcome

        return noted

    def acknowledge(self, replica: int = 2, context: int = 0) -> None:
        """Have a follower acknowledge the whole log, or a round of heartbeats."""
        consensus = self.core.consensus
        kind = MessageKind.HEARTBEAT_REPLY if context else MessageKind.APPEND_REPLY
        index = Index(0) if context else consensus.last_index
        reply = Message(kind, ReplicaId(replica), ReplicaId(1), consensus.term, index=index, context=context)
        self.core.step(reply)
        self.run()

    def depose(self, leader: int = 2) -> None:
        """Let another leader of a higher term be heard."""
        term = Term(self.core.consensus.term + 1)
        self.core.step(Message(MessageKind.HEARTBEAT, ReplicaId(leader), ReplicaId(1), term))
        self.run()

    def _send(self, messages: list[Message]) -> None:
        self.sent += messages
        if self.peers_answer:
            for message in messages:
                self._answer(message)

    def _answer(self, message: Message) -> None:
        kind = _REPLIES.get(message.kind)
        if kind is None or message.recipient in self.silent:
            return
        is_full = message.recipient in self.lacking_space
        index = Index(message.index + len(message.entries)) if kind is MessageKind.APPEND_REPLY else Index(0)
        self.core.step(
            Message(
                kind,
                message.recipient,
                message.sender,
                message.term,
                index=index,
                context=message.context,
                stands_back=is_full,
                lacks_space=is_full,
            )
        )
