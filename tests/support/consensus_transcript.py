"""Runs the commands of a transcript against a group of cores, by hand: every message waits until it is delivered."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.invariants import check
from node.consensus.log import LogDamagedError
from node.consensus.types import (
    LEAVE_JOINT,
    NO_INDEX,
    Entry,
    EntryKind,
    Index,
    Membership,
    MembershipChange,
    MembershipStep,
    MembershipStepKind,
    Message,
    MessageKind,
    NotLeader,
    Ready,
    Refused,
    ReplicaId,
    Term,
    Transition,
)
from tests.support.consensus_log import MemoryLog
from tests.support.consensus_words import entries_words, membership_words, message_words, ready_lines

STABILIZE_ROUNDS_MAX = 100
RULE = "----"

_STEP_KINDS = {
    "v": MembershipStepKind.ADD_VOTER,
    "l": MembershipStepKind.ADD_LEARNER,
    "r": MembershipStepKind.REMOVE,
}


class FixedOffset:
    """A Randomness that gives every replica its own election timeout: the offset, always."""

    def __init__(self, offset: int):
        self._offset = offset

    def randrange(self, stop: int, /) -> int:
        return min(self._offset, stop - 1)


@dataclass(slots=True)
class TranscriptReplica:
    """One replica, its disk, and how far its state machine has applied."""

    config: ConsensusConfig
    disk: MemoryLog
    core: ConsensusCore
    applied: Index = NO_INDEX
    to_apply: list = field(default_factory=list)
    taken: Ready | None = None


class TranscriptGroup:
    """A group of replicas that moves only when told to. Each command returns the lines it has to show."""

    def __init__(self) -> None:
        self._replicas: dict[int, TranscriptReplica] = {}
        self._network: list[Message] = []
        self._applies_by_hand = False

    def run(self, command: str) -> list[str]:
        """Run one command line, check every invariant, and return what there is to show."""
        verb, *arguments = command.split()
        options = dict(argument.split("=", 1) for argument in arguments if "=" in argument)
        words = [argument for argument in arguments if "=" not in argument]
        handler: Callable[[list[str], dict[str, str]], list[str]] = getattr(self, f"_run_{verb}")
        lines = handler(words, options)
        for replica in self._replicas.values():
            check(replica.core)
        return lines or ["ok"]

    # Setting up

    def _run_group(self, words: list[str], options: dict[str, str]) -> list[str]:
        """group voters=1,2,3 [learners=4] [absent=5] [bootstrap=yes] [apply=hand] [any setting of ConsensusConfig]."""
        voters = _replica_ids(options.pop("voters"))
        learners = _replica_ids(options.pop("learners", ""))
        absent = _replica_ids(options.pop("absent", ""))
        self._applies_by_hand = options.pop("apply", "") == "hand"
        is_bootstrapped = options.pop("bootstrap", "") == "yes"
        settings = {name: _setting(value) for name, value in options.items()}
        settings = {"election_ticks": 5, "pre_vote": False, "check_quorum": False, "lease": False, **settings}
        for replica in (*voters, *learners, *absent):
            config = ConsensusConfig(id=replica, **settings)
            membership = Membership(voters=voters, learners=learners)
            if replica in absent:
                self._start(config, MemoryLog())
            elif is_bootstrapped:
                self._start(config, MemoryLog.bootstrapped(membership))
            else:
                self._start(config, MemoryLog(membership=membership))
        return []

    def _start(self, config: ConsensusConfig, disk: MemoryLog) -> None:
        core = ConsensusCore(config, disk, FixedOffset(config.id - 1), disk.applied)
        self._replicas[config.id] = TranscriptReplica(config, disk, core, disk.applied)

    def _run_crash(self, words: list[str], options: dict[str, str]) -> list[str]:
        """crash 1: lose everything that is not persisted, and start again. Messages stay in the network."""
        for name in words:
            replica = self._replicas[int(name)]
            try:
                self._start(replica.config, replica.disk)
            except LogDamagedError as error:
                return [f"refuses to start: {error}"]
        return []

    def _run_forget(self, words: list[str], options: dict[str, str]) -> list[str]:
        """forget 1 3: damage the disk of replica 1 by losing its entries from index 3 on."""
        disk = self._replicas[int(words[0])].disk
        del disk.entries_by_position[int(words[1]) - disk.base_index - 1 :]
        return []

    # Events

    def _run_campaign(self, words: list[str], options: dict[str, str]) -> list[str]:
        return [] if self._core(words[0]).campaign() else ["may not campaign"]

    def _run_tick(self, words: list[str], options: dict[str, str]) -> list[str]:
        """tick 1 [count]."""
        for _ in range(int(words[1]) if len(words) > 1 else 1):
            self._core(words[0]).tick()
        return []

    def _run_propose(self, words: list[str], options: dict[str, str]) -> list[str]:
        """propose 1 a b [size=100]: one entry for each word, or one of that many bytes."""
        payloads = [word.encode() for word in words[1:]]
        if "size" in options:
            payloads.append(b"x" * int(options["size"]))
        return _outcome_lines(self._core(words[0]).propose(payloads))

    def _run_membership(self, words: list[str], options: dict[str, str]) -> list[str]:
        """membership 1 v4 l5 r3 [transition=AUTO], or membership 1 leave."""
        if words[1:] == ["leave"]:
            return _outcome_lines(self._core(words[0]).propose_membership(LEAVE_JOINT))
        steps = tuple(MembershipStep(_STEP_KINDS[word[0]], ReplicaId(int(word[1:]))) for word in words[1:])
        change = MembershipChange(steps, Transition[options.get("transition", "AUTO")])
        return _outcome_lines(self._core(words[0]).propose_membership(change))

    def _run_transfer(self, words: list[str], options: dict[str, str]) -> list[str]:
        return _outcome_lines(self._core(words[0]).transfer_leadership(ReplicaId(int(words[1]))))

    def _run_read(self, words: list[str], options: dict[str, str]) -> list[str]:
        """read 1 7 8: ask for a read index with these contexts."""
        outcomes = [self._core(words[0]).read_index(int(context)) for context in words[1:]]
        return [line for outcome in outcomes for line in _outcome_lines(outcome)]

    def _run_unreachable(self, words: list[str], options: dict[str, str]) -> list[str]:
        self._core(words[0]).report_unreachable(ReplicaId(int(words[1])))
        return []

    def _run_report(self, words: list[str], options: dict[str, str]) -> list[str]:
        """report 1 2 received|lost: how the transfer of a snapshot to 2 ended."""
        self._core(words[0]).report_snapshot(ReplicaId(int(words[1])), words[2] == "received")
        return []

    def _run_compact(self, words: list[str], options: dict[str, str]) -> list[str]:
        """compact 1 5: forget the log before index 5; the applied state serves as a snapshot."""
        replica = self._replicas[int(words[0])]
        disk = replica.disk
        replica.core.compacted(Index(int(words[1])))
        disk.compact(Index(int(words[1])))
        return []

    def _run_inject(self, words: list[str], options: dict[str, str]) -> list[str]:
        """inject APPEND 2 1 term=2 log_term=1 index=2 entries=2/3,2/4: a message from 2 to 1 that 2 never sent."""
        entries = tuple(_injected_entry(word) for word in options.pop("entries", "").split(",") if word)
        fields = {name: int(value) for name, value in options.items()}
        message = Message(
            MessageKind[words[0]], ReplicaId(int(words[1])), ReplicaId(int(words[2])), entries=entries, **fields
        )
        self._core(words[2]).step(message)
        return [message_words(message)]

    # The driver's part

    def _run_take(self, words: list[str], options: dict[str, str]) -> list[str]:
        """take 1: take a Ready and send what may leave early. Nothing is persisted before finish 1."""
        replica = self._replicas[int(words[0])]
        if not replica.core.has_ready():
            return ["nothing to do"]
        replica.taken = replica.core.ready()
        self._network += replica.taken.messages_before_persist
        return ready_lines(replica.taken)

    def _run_persist(self, words: list[str], options: dict[str, str]) -> list[str]:
        """persist 1: write what was taken, without sending or advancing."""
        replica = self._replicas[int(words[0])]
        replica.disk.persist(_present(replica.taken))
        return []

    def _run_finish(self, words: list[str], options: dict[str, str]) -> list[str]:
        """finish 1: persist what was taken, send the rest, advance and apply."""
        replica = self._replicas[int(words[0])]
        ready = _present(replica.taken)
        replica.taken = None
        replica.disk.persist(ready)
        replica.applied = max(replica.applied, replica.disk.applied)
        self._network += ready.messages_after_persist
        replica.core.advance(ready)
        replica.to_apply += ready.committed
        return [] if self._applies_by_hand else self._apply(replica)

    def _run_apply(self, words: list[str], options: dict[str, str]) -> list[str]:
        """apply 1: apply what was handed out (with apply=hand)."""
        return self._apply(self._replicas[int(words[0])])

    def _apply(self, replica: TranscriptReplica) -> list[str]:
        lines = []
        for entry in replica.to_apply:
            if entry.index <= replica.applied:
                continue
            if entry.kind is EntryKind.MEMBERSHIP:
                membership = replica.core.apply_membership(MembershipChange.decode(entry.payload))
                replica.disk.membership = membership
                lines.append(f"membership {membership_words(membership)}")
            replica.applied = replica.disk.applied = entry.index
            replica.core.applied_to(entry.index)
        replica.to_apply = []
        return lines

    def _run_process(self, words: list[str], options: dict[str, str]) -> list[str]:
        """process 1 2: take and finish one Ready each."""
        return [line for name in words for line in self._process(name)]

    def _process(self, name: str) -> Iterator[str]:
        if not self._core(name).has_ready():
            return
        for line in self._run_take([name], {}) + self._run_finish([name], {}):
            yield f"{name}: {line}"

    # The network's part

    def _run_deliver(self, words: list[str], options: dict[str, str]) -> list[str]:
        """deliver 2 [from=1] [kind=APPEND] [keep=yes]: deliver what waits; keep leaves a copy waiting."""
        taken = self._take_messages(words, options, keep="keep" in options)
        for message in taken:
            self._core(str(message.recipient)).step(replace(message))
        return [message_words(message) for message in taken] or ["nothing waits"]

    def _run_drop(self, words: list[str], options: dict[str, str]) -> list[str]:
        """drop 2 [from=1] [kind=APPEND]: lose what waits."""
        dropped = self._take_messages(words, options, keep=False)
        return [f"lost {message_words(message)}" for message in dropped] or ["nothing waits"]

    def _take_messages(self, words: list[str], options: dict[str, str], *, keep: bool) -> list[Message]:
        def is_meant(message: Message) -> bool:
            return (
                message.recipient in recipients
                and int(options.get("from", message.sender)) == message.sender
                and MessageKind[options.get("kind", message.kind.name)] is message.kind
            )

        recipients = _replica_ids(",".join(words))
        meant = [message for message in self._network if is_meant(message)]
        if not keep:
            self._network = [message for message in self._network if not is_meant(message)]
        return meant

    def _run_stabilize(self, words: list[str], options: dict[str, str]) -> list[str]:
        """stabilize [1 2] [show=no]: process and deliver among these (all) until nothing moves."""
        names = words or [str(replica) for replica in self._replicas]
        lines: list[str] = []
        for _ in range(STABILIZE_ROUNDS_MAX):
            before = len(lines)
            for name in names:
                lines += self._process(name)
            delivered = [self._run_deliver([name], {"from": sender}) for name in names for sender in names]
            lines += [f"   {line}" for part in delivered for line in part if line != "nothing waits"]
            if len(lines) == before:
                return [] if options.get("show") == "no" else lines
        raise AssertionError(f"expected peace after {STABILIZE_ROUNDS_MAX} rounds, found {lines[-20:]}")

    # Looking

    def _run_status(self, words: list[str], options: dict[str, str]) -> list[str]:
        """status 1 2: show cursors, and what a leader knows about the others."""
        lines = []
        for name in words or [str(replica) for replica in self._replicas]:
            status = self._core(name).status()
            lines.append(
                f"{name}: {status.role.value} term={status.term} leader={status.leader} last={status.last_index} "
                f"commit={status.commit} applied={status.applied}"
            )
            for peer in status.peers:
                flight = f" inflight={peer.inflight_messages}" if peer.inflight_messages else ""
                lines.append(f"   {peer.replica}: {peer.state.value} match={peer.match} next={peer.next}{flight}")
        return lines

    def _run_log(self, words: list[str], options: dict[str, str]) -> list[str]:
        """log 1: show what is on the disk."""
        return [f"{name}: {entries_words(self._replicas[int(name)].disk.entries_by_position)}" for name in words]

    def _run_lease(self, words: list[str], options: dict[str, str]) -> list[str]:
        """lease 1: show the round from which a lease counts."""
        return [f"round {self._core(words[0]).lease_round()}"]

    def _core(self, name: str) -> ConsensusCore:
        return self._replicas[int(name)].core


def played(text: str) -> str:
    """Return a transcript with the traces that its commands really leave."""
    group = TranscriptGroup()
    blocks = []
    for block in text.strip().split("\n\n"):
        head, _, _ = block.partition(f"\n{RULE}")
        commands = [line for line in head.splitlines() if line and not line.startswith("#")]
        lines = [line for command in commands for line in group.run(command)]
        shown = [line for line in lines if line != "ok"] or ["ok"]
        blocks.append("\n".join([head, RULE, *shown] if commands else [block]))
    return "\n\n".join(blocks) + "\n"


def first_difference(written: str) -> str | None:
    """Return the first line in which what happens differs from what is written."""
    lines = zip_longest(written.splitlines(), played(written).splitlines(), fillvalue="nothing")
    return next((f"expected {old!r}, found {new!r}" for old, new in lines if old != new), None)


def _present(ready: Ready | None) -> Ready:
    assert ready is not None, "expected a Ready that was taken"
    return ready


def _injected_entry(word: str) -> Entry:
    term, index = map(int, word.split("/"))
    return Entry(Term(term), Index(index), EntryKind.NORMAL, b"injected")


def _replica_ids(words: str) -> tuple[ReplicaId, ...]:
    return tuple(ReplicaId(int(word)) for word in words.split(",") if word)


def _setting(value: str) -> int | bool:
    return {"yes": True, "no": False}[value] if value in ("yes", "no") else int(value)


def _outcome_lines(outcome: Index | NotLeader | Refused | None) -> list[str]:
    match outcome:
        case NotLeader(hint):
            return [f"not leader, ask {hint}"]
        case Refused(reason, detail):
            return [f"refused, {reason.value}: {detail}"]
        case _:
            return []
