"""Draws explicit schedules from a seed and runs them against pairs: what happens, to whom, in which order.

Elections happen when the schedule says so, since the oracle's timeouts cannot be seeded; pre-vote and check-quorum are
off for the same reason. What the two do differently on purpose does not occur: a group keeps two voters (a lone leader
of the oracle commits before its own disk has the entry), a leader stays a voter, a refused change is not compared.
"""

from collections.abc import Callable
from random import Random

from node.consensus.config import ConsensusConfig
from node.consensus.progress import ProgressState
from node.consensus.types import (
    LEAVE_JOINT,
    Index,
    Membership,
    MembershipChange,
    MembershipStep,
    MembershipStepKind,
    Message,
    MessageKind,
    ReplicaId,
    Role,
    Transition,
)
from tests.support.oracle.pairs import Disagreement, PairedReplica, PartingOfWays, Sent
from tests.support.oracle.pipe import OraclePipe

NO_TICKS = 1_000_000
REPLICAS_MAX = 7
NETWORK_MAX = 200
STEPS_SHOWN = 12


class Schedule:
    """One group of pairs, and the steps drawn for it."""

    def __init__(self, pipe: OraclePipe, seed: int):
        pipe.ask("reset")
        self._pipe = pipe
        self._seed = seed
        self._random = Random(seed)
        self._inflight_max = self._random.choice((2, 3, 256))
        self._one_entry = self._random.random() < 0.5
        self._network: list[Sent] = []
        self._pairs: dict[int, PairedReplica] = {}
        self._reads = 0
        self.steps_compared = 0
        self._steps: list[str] = []
        voters = tuple(ReplicaId(number) for number in range(1, self._random.choice((2, 3, 3, 3, 5)) + 1))
        for voter in voters:
            self._add(voter, Membership(voters=voters))
        # Confirmations are counted by request there and by round here: with more than three voters the two differ.
        has_reads = len(voters) <= 3 and self._random.random() < 0.5
        self._kinds: list[tuple[int, Callable[[], str]]] = [
            (60, self._deliver),
            (4, self._lose),
            (4, self._repeat),
            (14, self._propose),
            (5, self._tick),
            (1, self._campaign),
            (1, self._restart),
            (2, self._compact),
            (1, self._transfer),
            (3, self._read if has_reads else self._change_membership),
            (1, self._unreachable),
            (1, self._report_snapshot),
        ]

    def run(self, steps: int) -> None:
        """Draw and do so many steps, fewer when the two part on purpose; Disagreement shows the last ones."""
        weights = [weight for weight, _ in self._kinds]
        for _ in range(steps):
            (_, step), *_ = self._random.choices(self._kinds, weights)
            try:
                self._steps.append("")
                self._steps[-1] = step()
                self.steps_compared += 1
            except PartingOfWays:
                return
            except Disagreement as difference:
                shown = "\n  ".join(self._steps[-STEPS_SHOWN:])
                raise Disagreement(f"seed {self._seed}, after\n  {shown}\n{difference}") from difference

    @property
    def commits(self) -> int:
        """Tell how far the group got."""
        return max(pair.core.commit for pair in self._pairs.values())

    def _add(self, number: ReplicaId, members: Membership | None) -> None:
        config = ConsensusConfig(
            id=number,
            election_ticks=NO_TICKS,
            inflight_messages_max=self._inflight_max,
            # Less than nothing: even two empty entries do not travel together.
            message_bytes_max=-1 if self._one_entry else 1 << 30,
            committed_bytes_max=1 << 30,
            pre_vote=False,
            check_quorum=False,
            lease=False,
            eager_commit=True,
            conflict_hints=False,
        )
        self._pairs[number] = PairedReplica(
            self._pipe, config, members, Inflight=self._inflight_max, OneEntry=self._one_entry
        )

    def _draw(self) -> PairedReplica:
        return self._random.choice(list(self._pairs.values()))

    def _leader(self) -> PairedReplica | None:
        leaders = [pair for pair in self._pairs.values() if pair.core.role is Role.LEADER]
        return self._random.choice(leaders) if leaders else None

    def _noting(self, text: str) -> None:
        self._steps[-1] = text

    def _send(self, sent: list[Sent] | None) -> None:
        self._network += sent or []
        while len(self._network) > NETWORK_MAX:
            self._network.pop(self._random.randrange(len(self._network)))

    # The network

    def _position(self) -> int:
        """Draw a message, mostly one of the oldest."""
        return min(self._random.randrange(len(self._network)), self._random.choice((0, 0, 1, 3, NETWORK_MAX)))

    def _deliver(self) -> str:
        if not self._network:
            return "nothing to deliver"
        ours, theirs = self._network.pop(self._position())
        if self._is_stale_rejection(ours) or self._ends_snapshot_early(ours) or _is_for_outgoing_voter(ours):
            return f"withhold {ours}"
        self._noting(f"deliver {ours}")
        self._send(self._pairs[ours.recipient].do(lambda core: core.step(ours), "step", Message=theirs))
        return self._steps[-1]

    def _is_stale_rejection(self, message: Message) -> bool:
        """Tell whether an old rejection would make this version of the oracle probe what it knows to match.

        Later versions of etcd, and ours, never step back behind that: next > match.
        """
        progress = self._pairs[message.recipient].core.replica.progress.get(message.sender)
        if not message.reject or progress is None or message.kind is not MessageKind.APPEND_REPLY:
            return False
        return progress.state is ProgressState.PROBE and min(message.index, message.reject_hint + 1) <= progress.match

    def _ends_snapshot_early(self, message: Message) -> bool:
        """Tell whether a follower needs its snapshot no longer, which this version of the oracle waits for all the same."""
        pair = self._pairs[message.recipient]
        progress = pair.core.replica.progress.get(message.sender)
        if message.kind is not MessageKind.APPEND_REPLY or progress is None or message.reject:
            return False
        is_waiting = progress.state is ProgressState.SNAPSHOT and message.index < progress.pending_snapshot
        return is_waiting and message.index + 1 >= pair.disk.first_index()

    def _lose(self) -> str:
        if self._network:
            ours, _ = self._network.pop(self._position())
            return f"lose {ours}"
        return "nothing to lose"

    def _repeat(self) -> str:
        if self._network:
            self._network.append(self._network[self._position()])
            return f"repeat {self._network[-1][0]}"
        return "nothing to repeat"

    # The replicas

    def _propose(self) -> str:
        leader = self._leader()
        if leader is None:
            # Candidates that never let one another finish would fill the schedule.
            return self._deliver() if self._network else self._campaign()
        self._noting(f"propose at {leader.core.id}")
        payload = f"{len(self._steps)}"
        self._send(leader.do(lambda core: core.propose([payload.encode()]), "propose", Payload=payload))
        return self._steps[-1]

    def _tick(self) -> str:
        leader = self._leader()
        if leader is None:
            return "nobody to tick"
        self._noting(f"tick {leader.core.id}")
        self._send(leader.do(lambda core: core.tick(), "tick"))
        return self._steps[-1]

    def _campaign(self) -> str:
        pair = self._draw()
        self._noting(f"campaign {pair.core.id}")
        if pair.core.role is not Role.LEADER:
            self._send(pair.do(lambda core: core.campaign(), "campaign"))
        return self._steps[-1]

    def _restart(self) -> str:
        pair = self._draw()
        self._noting(f"restart {pair.core.id}")
        self._send(pair.restart())
        return self._steps[-1]

    def _compact(self) -> str:
        pair = self._draw()
        kept = self._random.randrange(4)
        first = Index(pair.disk.applied + 1 - kept)
        self._noting(f"compact {pair.core.id} to {first}")
        if first > pair.disk.first_index():
            self._send(pair.compact(first))
        return self._steps[-1]

    def _transfer(self) -> str:
        leader = self._leader()
        if leader is None:
            return "nobody to transfer from"
        to = self._random.choice(leader.core.membership.voters)
        self._noting(f"transfer from {leader.core.id} to {to}")
        self._send(leader.do(lambda core: core.transfer_leadership(to), "transfer", Peer=to))
        return self._steps[-1]

    def _read(self) -> str:
        leader = self._leader()
        if leader is None or not leader.core.committed_in_term:
            return "nobody to read from"
        self._reads += 1
        self._noting(f"read at {leader.core.id}")
        self._send(leader.do(lambda core: core.read_index(self._reads), "read", Payload=str(self._reads)))
        return self._steps[-1]

    def _unreachable(self) -> str:
        pair, peer = self._draw(), self._draw().core.id
        self._noting(f"{peer} unreachable for {pair.core.id}")
        self._send(pair.do(lambda core: core.report_unreachable(peer), "unreachable", Peer=peer))
        return self._steps[-1]

    def _report_snapshot(self) -> str:
        pair, peer, ok = self._draw(), self._draw().core.id, self._random.random() < 0.5
        self._noting(f"snapshot from {pair.core.id} to {peer}: {ok}")
        self._send(pair.do(lambda core: core.report_snapshot(peer, ok), "report_snapshot", Peer=peer, Ok=ok))
        return self._steps[-1]

    # Membership

    def _change_membership(self) -> str:
        leader = self._leader()
        if leader is None:
            return "nobody to change"
        change = self._drawn_change(leader.core.membership, leader.core.id)
        self._noting(f"propose {change} at {leader.core.id}")
        kinds, replicas = [step.kind for step in change.steps], [step.replica for step in change.steps]
        shape = {"Transition": change.transition, "Kinds": kinds, "Replicas": replicas}
        self._send(leader.do(lambda core: core.propose_membership(change), "change", Change=shape))
        return self._steps[-1]

    def _drawn_change(self, membership: Membership, leader: ReplicaId) -> MembershipChange:
        if membership.is_joint:
            return LEAVE_JOINT
        others = [voter for voter in membership.voters if voter != leader]
        steps: list[MembershipStep] = []
        if membership.learners and self._random.random() < 0.7:
            kind = self._random.choice((MembershipStepKind.ADD_VOTER, MembershipStepKind.REMOVE))
            steps.append(MembershipStep(kind, self._random.choice(membership.learners)))
        elif len(self._pairs) < REPLICAS_MAX:
            steps.append(MembershipStep(MembershipStepKind.ADD_LEARNER, self._newcomer()))
        if len(others) > 1 and self._random.random() < 0.5:
            kind = self._random.choice((MembershipStepKind.ADD_LEARNER, MembershipStepKind.REMOVE))
            steps.append(MembershipStep(kind, self._random.choice(others)))
        joint = len(steps) != 1 or self._random.random() < 0.3
        if not steps:
            steps.append(MembershipStep(MembershipStepKind.ADD_VOTER, leader))
        return MembershipChange(tuple(steps), Transition.JOINT_EXPLICIT if joint else Transition.AUTO)

    def _newcomer(self) -> ReplicaId:
        number = ReplicaId(len(self._pairs) + 1)
        self._add(number, None)
        return number


def _is_for_outgoing_voter(message: Message) -> bool:
    """Tell whether a snapshot is for a voter on its way out, which this version of the oracle refuses; later ones do not."""
    if message.snapshot is None:
        return False
    membership = message.snapshot.membership
    return message.recipient not in (*membership.voters, *membership.learners)
