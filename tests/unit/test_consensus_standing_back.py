"""A replica that must not lead at present: others lead as long as any can, and somebody always does."""

import pytest

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.elections import TIMEOUTS_LEFT_TO_OTHERS
from node.consensus.types import Index, Message, MessageKind, NotLeader, ReplicaId, Role, Term
from tests.support.consensus_log import MemoryLog

ONE, TWO, THREE = (ReplicaId(number) for number in (1, 2, 3))
_GRANTED = {MessageKind.PRE_VOTE: MessageKind.PRE_VOTE_REPLY, MessageKind.VOTE: MessageKind.VOTE_REPLY}


class Fixed:
    """No chance: every election timeout is the shortest there is."""

    def randrange(self, stop: int, /) -> int:
        return 0


def follower(voters: int = 3) -> tuple[ConsensusCore, MemoryLog]:
    disk = MemoryLog.of_voters(*range(1, voters + 1))
    return ConsensusCore(ConsensusConfig(id=ONE), disk, Fixed(), disk.applied), disk


def worked(core: ConsensusCore, disk: MemoryLog) -> list[Message]:
    """Do what the core asks for; return what it sends."""
    sent: list[Message] = []
    while core.has_ready():
        ready = core.ready()
        disk.persist(ready)
        core.advance(ready)
        sent += ready.messages()
    return sent


def leader() -> tuple[ConsensusCore, MemoryLog]:
    """Return a leader whose followers have everything."""
    core, disk = follower()
    assert core.campaign()
    while core.role is not Role.LEADER:
        for asked in worked(core, disk):
            core.step(Message(_GRANTED[asked.kind], asked.recipient, ONE, asked.term))
    worked(core, disk)
    for peer in (TWO, THREE):
        core.step(Message(MessageKind.APPEND_REPLY, peer, ONE, core.term, index=core.last_index))
    worked(core, disk)
    return core, disk


# Who stands back leaves some elections to the others; but better it than nobody, or reads would stop with the writes.
def test_it_campaigns_only_when_nobody_else_does() -> None:
    core, disk = follower()
    core.stand_back(must_not_lead=True, lacks_space=True)
    election_ticks = core.replica.config.election_ticks
    for _ in range(TIMEOUTS_LEFT_TO_OTHERS * election_ticks):
        core.tick()
    assert worked(core, disk) == []
    for _ in range(election_ticks):
        core.tick()
    assert {message.kind for message in worked(core, disk)} == {MessageKind.PRE_VOTE}


# Every leader that is heard begins the waiting anew.
def test_its_patience_begins_anew_with_each_leader() -> None:
    core, disk = follower()
    core.stand_back(must_not_lead=True, lacks_space=False)
    ticks = TIMEOUTS_LEFT_TO_OTHERS * core.replica.config.election_ticks
    for _ in range(ticks):
        core.tick()
    core.step(Message(MessageKind.HEARTBEAT, TWO, ONE, core.term, context=1))
    worked(core, disk)
    for _ in range(ticks):
        core.tick()
    assert worked(core, disk) == []


# Nobody else can lead a group of one.
def test_a_replica_alone_leads_all_the_same() -> None:
    core, disk = follower(voters=1)
    core.stand_back(must_not_lead=True, lacks_space=True)
    for _ in range(core.replica.config.election_ticks):
        core.tick()
    worked(core, disk)
    assert core.role is Role.LEADER


# A leader learns from every answer who must not lead, and when that is over.
@pytest.mark.parametrize("kind", [MessageKind.HEARTBEAT_REPLY, MessageKind.APPEND_REPLY])
def test_a_leader_knows_who_stands_back(kind: MessageKind) -> None:
    core, _ = leader()
    core.step(Message(kind, TWO, ONE, core.term, index=core.last_index, stands_back=True, lacks_space=True))
    found = {peer.replica: (peer.stands_back, peer.lacks_space) for peer in core.status().peers}
    assert found == {TWO: (True, True), THREE: (False, False)}
    core.step(Message(kind, TWO, ONE, core.term, index=core.last_index))
    assert not any(peer.stands_back for peer in core.status().peers)


# A rejection is an answer like any other: a follower that lags and is full must not look like one with space.
def test_every_answer_says_it() -> None:
    core, disk = follower()
    core.stand_back(must_not_lead=True, lacks_space=True)
    term = Term(core.term + 1)
    core.step(Message(MessageKind.HEARTBEAT, TWO, ONE, term, context=1))
    core.step(Message(MessageKind.APPEND, TWO, ONE, term, index=Index(50), log_term=term))
    core.step(
        Message(MessageKind.APPEND, TWO, ONE, term, index=core.last_index, log_term=core.term_of(core.last_index))
    )
    answers = worked(core, disk)
    assert len(answers) == 3
    assert all(answer.stands_back and answer.lacks_space for answer in answers)


# An heir that stands back refuses, and the leader takes proposals again at once instead of after an election timeout.
def test_an_heir_that_stands_back_refuses_the_transfer() -> None:
    core, disk = leader()
    assert core.transfer_leadership(TWO) is None
    assert [message.kind for message in worked(core, disk)] == [MessageKind.TIMEOUT_NOW]
    heir, heirs_disk = follower()
    heir.stand_back(must_not_lead=True, lacks_space=False)
    heir.step(Message(MessageKind.TIMEOUT_NOW, TWO, ONE, heir.term))
    [refusal] = worked(heir, heirs_disk)
    assert heir.role is Role.FOLLOWER
    assert refusal.stands_back
    core.step(Message(refusal.kind, TWO, ONE, core.term, stands_back=refusal.stands_back))
    assert isinstance(core.propose((b"x",)), int)


# Resigning needs no disk: nothing is to be persisted, no lease outlives it, and the replica is a follower like any other.
def test_resigning_persists_nothing() -> None:
    core, disk = leader()
    core.propose((b"not sent yet",))
    message = core.resign(TWO)
    assert message == Message(MessageKind.TIMEOUT_NOW, ONE, TWO, core.term)
    assert core.lease_round() == 0
    assert isinstance(core.propose((b"x",)), NotLeader)
    ready = core.ready()
    assert ready.hard_state is None
    assert not [each for each in ready.messages() if each.kind is MessageKind.APPEND]
    disk.persist(ready)
    core.advance(ready)
    assert core.resign(TWO) is None
