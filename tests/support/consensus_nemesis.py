"""What befalls a simulated group while it works: clients, faults and changes, drawn from the simulation's seed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from node.consensus.core import ConsensusCore
from node.consensus.types import (
    LEAVE_JOINT,
    Index,
    Membership,
    MembershipChange,
    MembershipStep,
    MembershipStepKind,
    ReplicaId,
    Role,
    Transition,
)
from tests.support.consensus_driver import TICK_US, SimulatedReplica

if TYPE_CHECKING:
    from tests.support.consensus_simulation import Simulation

CLIENT_EVERY_US = (3_000, 8_000, 20_000)
FAULT_EVERY_US = (15_000, 40_000, 120_000)
CUT_US_MAX = 600_000
FAULT_WEIGHTS = (0, 1, 1, 4)
REPLICAS_MAX = 9


class Nemesis:
    """Draws an event for the clients, or a fault, every now and then."""

    def __init__(self, simulation: "Simulation"):
        self._simulation = simulation
        self._random = simulation.random
        self._is_active = False
        self._client_every_us = self._random.choice(CLIENT_EVERY_US)
        self._fault_every_us = self._random.choice(FAULT_EVERY_US)
        faults: tuple[Callable[[], None], ...] = (
            self._crash,
            self._isolate,
            self._split,
            self._cut_some,
            self._heal,
            self._stall,
            self._weather,
            self._transfer,
            self._change_membership,
            self._campaign,
            self._compact,
            self._unreachable,
        )
        # Each seed has faults it prefers and faults it does without: together they would mask one another.
        self._faults = [fault for fault in faults for _ in range(self._random.choice(FAULT_WEIGHTS))] or list(faults)

    def begin(self) -> None:
        """Begin to work and to disturb."""
        self._is_active = True
        self._work()
        self._disturb()

    def stop(self) -> None:
        """Leave the group alone."""
        self._is_active = False

    def _work(self) -> None:
        if not self._is_active:
            return
        self._simulation.after(1 + self._random.randrange(2 * self._client_every_us), self._work)
        replica = self._any()
        choice = self._random.random()
        if choice < 0.5:
            payloads = [self._payload() for _ in range(self._random.choice((1, 1, 1, 2, 5)))]
            replica.propose(payloads)
        elif choice < 0.75:
            replica.read_by_index()
        else:
            replica.read_by_lease()

    def _payload(self) -> bytes:
        return bytes(self._random.choice((1, 8, 30, 90)))

    def _disturb(self) -> None:
        if not self._is_active:
            return
        self._simulation.after(1 + self._random.randrange(2 * self._fault_every_us), self._disturb)
        fault = self._random.choice(self._faults)
        fault()

    def _any(self) -> SimulatedReplica:
        """Draw a replica, mostly one that leads."""
        replicas = list(self._simulation.replicas.values())
        leaders = [replica for replica in replicas if replica.core is not None and replica.core.role is Role.LEADER]
        return self._random.choice(leaders if leaders and self._random.random() < 0.7 else replicas)

    # Faults

    def _crash(self) -> None:
        replica = self._any()
        if replica.core is not None:
            self._simulation.note(f"{replica.config.id} crashes")
            replica.crash()
            self._simulation.after(self._random.randrange(30 * TICK_US), replica.start_if_down)

    def _isolate(self) -> None:
        one = self._any().config.id
        others = [number for number in self._simulation.replicas if number != one]
        links = [(one, other) for other in others] + [(other, one) for other in others]
        direction = self._random.randrange(3)
        self._simulation.note(f"{one} is isolated, {('both ways', 'outbound', 'inbound')[direction]}")
        half = len(others)
        self._cut((links, links[:half], links[half:])[direction])

    def _split(self) -> None:
        numbers = list(self._simulation.replicas)
        side = {number: self._random.random() < 0.5 for number in numbers}
        self._simulation.note(f"split, one side is {[number for number in numbers if side[number]]}")
        self._cut([(a, b) for a in numbers for b in numbers if side[a] != side[b]])

    def _cut_some(self) -> None:
        numbers = list(self._simulation.replicas)
        links = [(a, b) for a in numbers for b in numbers if a != b and self._random.random() < 0.3]
        self._simulation.note(f"cut {links}")
        self._cut(links)

    def _cut(self, links: list[tuple[int, int]]) -> None:
        network = self._simulation.network
        network.cut(links)
        self._simulation.after(self._random.randrange(CUT_US_MAX), lambda: network.mend(links))

    def _heal(self) -> None:
        self._simulation.note("links are healed")
        self._simulation.network.heal()

    def _stall(self) -> None:
        replica = self._any()
        self._simulation.note(f"{replica.config.id} stalls")
        replica.stall(self._random.randrange(40 * TICK_US))

    def _weather(self) -> None:
        network = self._simulation.network
        network.loss = self._random.choice((0.0, 0.0, 0.05, 0.3))
        network.duplication = self._random.choice((0.0, 0.1))
        network.lateness = self._random.choice((0.0, 0.02, 0.1))

    def _campaign(self) -> None:
        replica = self._any()
        self._simulation.note(f"{replica.config.id} is told to campaign")
        replica.act(lambda core: core.campaign() and None)

    def _unreachable(self) -> None:
        peer = ReplicaId(self._random.choice(list(self._simulation.replicas)))
        self._any().act(lambda core: core.report_unreachable(peer))

    def _transfer(self) -> None:
        to = ReplicaId(self._random.choice(list(self._simulation.replicas)))
        self._simulation.note(f"leadership to {to}")
        self._any().act(lambda core: core.transfer_leadership(to) and None)

    def _compact(self) -> None:
        replica = self._random.choice(list(self._simulation.replicas.values()))

        def action(core: ConsensusCore) -> None:
            disk = replica.disk
            applied = disk.current.applied
            if applied > disk.current.base_index:
                first = Index(applied + 1 - self._random.randrange(min(4, applied - disk.current.base_index)))
                core.compacted(first)
                disk.write(lambda log: log.compact(first), sync=False)

        replica.act(action)

    # Membership

    def _change_membership(self) -> None:
        leader = self._any()
        if leader.core is None or leader.core.role is not Role.LEADER:
            return
        change = self._drawn_change(leader.core.membership)
        self._simulation.note(f"propose {change}")
        leader.act(lambda core: core.propose_membership(change) and None)

    def _drawn_change(self, membership: Membership) -> MembershipChange:
        if membership.is_joint:
            return LEAVE_JOINT
        voters, learners = list(membership.voters), list(membership.learners)
        transition = self._random.choice(list(Transition))
        if not learners and len(self._simulation.replicas) < REPLICAS_MAX:
            return _change(MembershipStepKind.ADD_LEARNER, self._new_replica(), transition)
        learner = self._random.choice(learners) if learners else None
        if learner is not None and self._random.random() < 0.3:
            return _change(MembershipStepKind.ADD_VOTER, learner, transition)
        voter = self._random.choice(voters)
        out = self._random.choice((MembershipStepKind.REMOVE, MembershipStepKind.ADD_LEARNER))
        if learner is not None:
            swap = (MembershipStep(MembershipStepKind.ADD_VOTER, learner), MembershipStep(out, voter))
            return MembershipChange(swap, transition)
        if len(voters) > 3:
            return _change(out, voter, transition)
        # A change that changes nothing has to go through the same motions.
        return _change(MembershipStepKind.ADD_VOTER, voter, transition)

    def _new_replica(self) -> ReplicaId:
        number = ReplicaId(len(self._simulation.replicas) + 1)
        self._simulation.add_replica(number)
        return number

    def settle_membership(self, leader: SimulatedReplica) -> None:
        """Leave a joint phase that nobody leaves, and take those who do not belong any more off the net."""
        core = leader.core
        if core is None or not core.committed_in_term:
            return
        if core.membership.is_joint and not core.membership.auto_leave:
            leader.act(lambda core: core.propose_membership(LEAVE_JOINT) and None)
        strangers = [number for number in self._simulation.replicas if number not in core.membership.replicas]
        everybody = list(self._simulation.replicas)
        # Anew each time: a leader that was behind may have taken a newcomer for a stranger.
        self._simulation.network.heal()
        self._simulation.network.cut([(stranger, other) for stranger in strangers for other in everybody])


def _change(kind: MembershipStepKind, replica: ReplicaId, transition: Transition) -> MembershipChange:
    return MembershipChange((MembershipStep(kind, replica),), transition)
