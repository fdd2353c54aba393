"""The core's contract with its driver, where no transcript tells it: outcomes, bounds, and what a driver must not do."""

from random import Random

import pytest

from node.consensus.bootstrap import bootstrap_state, is_fresh
from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.invariants import check
from node.consensus.types import (
    Entry,
    EntryKind,
    HardState,
    Index,
    Membership,
    Message,
    MessageKind,
    NotLeader,
    Ready,
    RefusalReason,
    Refused,
    ReplicaId,
    Role,
    Term,
)
from tests.support.consensus_log import MemoryLog

ONE, TWO = ReplicaId(1), ReplicaId(2)


def core_of(disk: MemoryLog, **settings: int | bool) -> ConsensusCore:
    """Return replica 1 on this disk."""
    return ConsensusCore(ConsensusConfig(id=ONE, **settings), disk, Random(1), disk.applied)


def leader_alone(**settings: int | bool) -> tuple[ConsensusCore, MemoryLog]:
    """Return the leader of a group of one, with its first entry applied."""
    disk = MemoryLog.bootstrapped(Membership(voters=(ONE,)))
    core = core_of(disk, **settings)
    assert core.campaign()
    work(core, disk)
    return core, disk


def work(core: ConsensusCore, disk: MemoryLog) -> list[Ready]:
    """Do what the core asks for until it asks for nothing more."""
    done = []
    while core.has_ready():
        ready = core.ready()
        disk.persist(ready)
        core.advance(ready)
        if ready.committed:
            disk.applied = ready.committed[-1].index
            core.applied_to(disk.applied)
        check(core)
        done.append(ready)
    return done


# A batch is proposed at once and counted by its last entry: that index tells when all of it is committed.
def test_propose_returns_the_last_index() -> None:
    core, disk = leader_alone()
    assert core.propose([b"a", b"b", b"c"]) == 5
    committed = [entry for ready in work(core, disk) for entry in ready.committed]
    assert [(entry.index, entry.payload) for entry in committed] == [(3, b"a"), (4, b"b"), (5, b"c")]


# The empty entry of a new leader is told apart from an empty proposal, which is somebody's.
def test_empty_proposal_is_a_normal_entry() -> None:
    core, disk = leader_alone()
    core.propose([b""])
    assert [entry.kind for entry in disk.entries_by_position] == [EntryKind.EMPTY]
    work(core, disk)
    assert disk.entries_by_position[-1] == Entry(Term(2), Index(3), EntryKind.NORMAL, b"")


# Nothing is forwarded: the client is told whom to ask, or that nobody is known.
def test_follower_refuses_with_a_hint() -> None:
    disk = MemoryLog.of_voters(1, 2)
    core = core_of(disk)
    assert core.propose([b"a"]) == NotLeader(ReplicaId(0))
    core.step(Message(MessageKind.HEARTBEAT, TWO, ONE, Term(1)))
    assert core.propose([b"a"]) == core.read_index(1) == core.transfer_leadership(ONE) == NotLeader(TWO)


# What waits in memory for a quorum that may be gone is bounded, reads included.
def test_waiting_reads_are_bounded() -> None:
    core, _ = leader_alone(reads_waiting_max=2)
    assert [core.read_index(context) for context in (1, 2)] == [None, None]
    refused = core.read_index(3)
    assert isinstance(refused, Refused)
    assert refused.reason is RefusalReason.READS_FULL


# A driver that takes a second Ready before the first is done would release acknowledgements too early.
def test_one_ready_is_in_flight() -> None:
    core, _ = leader_alone()
    core.propose([b"a"])
    first = core.ready()
    core.propose([b"b"])
    assert not core.has_ready()
    with pytest.raises(AssertionError, match=r"advance\(\) before the next"):
        core.ready()
    with pytest.raises(AssertionError, match="the Ready in flight"):
        core.advance(Ready())
    core.advance(first)
    assert core.has_ready()


# What is proposed while a Ready is being written is not in it, and is not counted as written with it.
def test_proposal_during_a_write_waits_for_its_own() -> None:
    core, disk = leader_alone()
    core.propose([b"a"])
    first = core.ready()
    core.propose([b"b"])
    disk.persist(first)
    core.advance(first)
    assert (core.commit, core.last_index) == (3, 4)
    work(core, disk)
    assert core.commit == 4


# Applying is reported behind handing out; a driver that is ahead has applied what nobody committed.
def test_applied_beyond_what_was_handed_out_is_refused() -> None:
    core, _ = leader_alone()
    with pytest.raises(AssertionError, match="3 applied"):
        core.applied_to(Index(3))


# Committed entries come in pages, or a replica far behind would get its whole log at once.
def test_committed_entries_come_in_pages() -> None:
    core, disk = leader_alone(committed_bytes_max=25)
    core.propose([bytes(10)] * 5)
    sizes = [len(ready.committed) for ready in work(core, disk) if ready.committed]
    assert sizes == [2, 2, 1]


# A node that hosts several replicas of one partition over time may get messages for one that is gone.
def test_message_for_somebody_else_is_ignored() -> None:
    core = core_of(MemoryLog.of_voters(1, 2))
    core.step(Message(MessageKind.HEARTBEAT, TWO, ReplicaId(9), Term(7)))
    assert (core.term, core.leader) == (0, 0)


# A removed replica goes on with terms of its own; answers from it must not depose a leader.
def test_answer_of_a_stranger_does_not_change_the_term() -> None:
    core, _ = leader_alone()
    core.step(Message(MessageKind.APPEND_REPLY, ReplicaId(9), ONE, Term(50)))
    assert (core.role, core.term) == (Role.LEADER, 2)


# Two leaders in one term mean that a promise was broken somewhere: better to end than to go on.
def test_second_leader_in_a_term_is_fatal() -> None:
    core, _ = leader_alone()
    with pytest.raises(AssertionError, match="two leaders in term 2"):
        core.step(Message(MessageKind.HEARTBEAT, TWO, ONE, core.term))


# A replica that takes part for the first time has promised nothing, so it need not wait before it votes.
def test_freshness() -> None:
    voters = Membership(voters=(ONE,))
    fresh, used = MemoryLog.bootstrapped(voters), MemoryLog.bootstrapped(voters)
    used.hard_state = HardState(Term(2), commit=Index(1))
    newcomer = MemoryLog()
    logs = (fresh, used, newcomer)
    assert [is_fresh(log.initial_state()[0], log) for log in logs] == [True, False, True]
    assert bootstrap_state(voters)[1].index == 1


# A group of one restarts without waiting out any promise: there is nobody it could have made one to.
def test_sole_voter_campaigns_at_once_after_restart() -> None:
    _, disk = leader_alone()
    assert core_of(disk).campaign()


# An idle leader with nothing to say must not make its driver write.
def test_heartbeat_needs_no_sync() -> None:
    core, _ = leader_alone()
    core.tick()
    ready = core.ready()
    assert (ready.heartbeat_round, ready.must_sync, ready.hard_state) == (1, False, None)


# Settings under which the algorithm makes no sense are refused at the start, not found out in production.
@pytest.mark.parametrize("settings", [{"id": 0}, {"election_ticks": 1}, {"check_quorum": False}])
def test_senseless_settings_are_refused(settings: dict[str, int | bool]) -> None:
    with pytest.raises(AssertionError):
        ConsensusConfig(**{"id": 1, **settings})
