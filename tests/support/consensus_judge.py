"""Judges a simulated group: what Raft promises must hold after every step, across all replicas and all time.

Knows everything that ever happened in the group, which no replica does. Refuses to know why it happened.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from node.consensus.core import ConsensusCore
from node.consensus.invariants import check
from node.consensus.types import Entry, Index, Message, MessageKind, Role
from tests.support.consensus_log import MemoryLog


class Violation(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True, slots=True)
class CommittedEntry:
    """What is committed at one index, and the first term in which somebody knew it."""

    term: int
    known_in_term: int


class Judge:
    """Remembers leaders, votes, entries and commits, and refuses contradictions."""

    def __init__(self) -> None:
        self._leaders: dict[int, int] = {}
        self._votes: dict[tuple[int, int], int] = {}
        # Log matching: index and term name an entry, and with it all that precede it.
        self._entries: dict[tuple[int, int], tuple[int, bytes]] = {}
        self._committed: dict[int, CommittedEntry] = {}
        self.last_committed = 0
        self._seen_commit: dict[int, int] = {}
        self._durable: dict[int, MemoryLog] = {}
        # The highest index that a client was told of, by the answer to a write or to a read.
        self.told_index = 0
        self.leaders_seen = 0
        self.reads = Counter[str]()

    def started(self, core: ConsensusCore) -> None:
        """Note a (re)started replica, whose commit index may be older than before."""
        self._seen_commit[core.id] = core.commit

    def stepped(self, core: ConsensusCore, durable: dict[int, MemoryLog]) -> None:
        """Check a replica that has just taken in an event; durable holds what every replica has on its disk."""
        check(core)
        self._durable = durable
        if core.role is Role.LEADER and self._leaders.get(core.term) != core.id:
            self._judge_election(core)
        if core.commit > self._seen_commit[core.id]:
            self._judge_commit(core)

    def _judge_election(self, core: ConsensusCore) -> None:
        if core.term in self._leaders:
            raise Violation(f"election safety: {self._leaders[core.term]} and {core.id} both lead term {core.term}")
        self._leaders[core.term] = core.id
        self.leaders_seen += 1
        log = core.replica.log
        known = [index for index, entry in self._committed.items() if entry.known_in_term < core.term]
        last = max(known, default=0)
        if last >= log.first and log.term(last) != self._committed[last].term:
            found = log.term(last)
            raise Violation(f"leader completeness: {core.id} leads term {core.term}, has {found} at committed {last}")

    def _judge_commit(self, core: ConsensusCore) -> None:
        log = core.replica.log
        for index in range(max(self._seen_commit[core.id] + 1, log.first), core.commit + 1):
            term = log.term(index)
            known = self._committed.setdefault(index, CommittedEntry(term, core.term))
            if known.term != term:
                raise Violation(f"state machine safety: {core.id} commits {term}/{index}, known is {known.term}")
        self._seen_commit[core.id] = core.commit
        if core.commit > self.last_committed:
            self.last_committed = core.commit
            if core.role is Role.LEADER:
                self._judge_durability(core, log.term(core.commit))

    def _judge_durability(self, core: ConsensusCore, term: int) -> None:
        membership = core.membership
        for voters in filter(None, (membership.voters, membership.voters_outgoing)):
            holders = [voter for voter in voters if _holds(self._durable[voter], core.commit, term)]
            if 2 * len(holders) <= len(voters):
                raise Violation(f"durability: {core.id} commits {term}/{core.commit} held only by {holders}")

    def put(self, entries: Iterable[Entry], previous_term: int) -> None:
        """Check entries that a replica is about to write behind an entry of this term."""
        for entry in entries:
            known = self._entries.setdefault((entry.index, entry.term), (previous_term, entry.payload))
            if known != (previous_term, entry.payload):
                raise Violation(f"log matching: {entry.term}/{entry.index} follows {previous_term} and {known[0]}")
            previous_term = entry.term

    def sent(self, message: Message) -> None:
        """Check a message that leaves a replica."""
        if message.kind is MessageKind.VOTE:
            self._voted(message.sender, message.term, message.sender)
        elif message.kind is MessageKind.VOTE_REPLY and not message.reject:
            self._voted(message.sender, message.term, message.recipient)

    def _voted(self, voter: int, term: int, candidate: int) -> None:
        known = self._votes.setdefault((voter, term), candidate)
        if known != candidate:
            raise Violation(f"one vote in a term: {voter} votes for {known} and {candidate} in term {term}")

    def applied(self, replica: int, entry: Entry) -> None:
        """Check an entry that a replica applies."""
        known = self._committed.get(entry.index)
        if known is None or known.term != entry.term:
            raise Violation(f"apply only what is committed: {replica} applies {entry.term}/{entry.index}, not {known}")

    def told(self, index: int) -> None:
        """Note that a client has been told of the state at this index."""
        self.told_index = max(self.told_index, index)

    def read(self, replica: int, index: int, told_before: int, how: str) -> None:
        """Check a read served from the state at index, asked when clients knew of the state at told_before."""
        self.reads[how] += 1
        if index < told_before:
            raise Violation(f"linearizable reads: {replica} serves by {how} index {index}, told before: {told_before}")
        self.told(index)


def _holds(log: MemoryLog, index: int, term: int) -> bool:
    # Compacted means applied, hence committed: the judge compares those terms elsewhere.
    return index < log.first_index() or (index <= log.last_index() and log.term(Index(index)) == term)
