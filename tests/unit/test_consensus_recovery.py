"""A replica that has lost its log, message by message: what it may say, what its leader makes of it, and when that ends."""

import random
from collections.abc import Collection
from dataclasses import replace

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.types import (
    Index,
    Loss,
    Membership,
    Message,
    MessageKind,
    ReplicaId,
    Role,
    Term,
)
from tests.support.consensus_log import MemoryLog

LEADER, OTHER, LOST = ReplicaId(1), ReplicaId(2), ReplicaId(3)


class Group:
    """Cores that exchange messages at once, those to or from the unreachable left out."""

    def __init__(self, voters: int = 3) -> None:
        ids = [ReplicaId(number) for number in range(1, voters + 1)]
        self.membership = Membership(voters=tuple(ids))
        self.logs = {each: MemoryLog.bootstrapped(self.membership) for each in ids}
        self.cores = {each: self._core(each) for each in ids}
        self.unreachable: set[ReplicaId] = set()
        self.unheard: set[MessageKind] = set()
        self.sent: list[Message] = []

    def _core(self, replica: ReplicaId, loss: Loss | None = None) -> ConsensusCore:
        config = ConsensusConfig(id=replica, election_ticks=10, heartbeat_ticks=1)
        log = self.logs[replica]
        return ConsensusCore(config, log, random.Random(int(replica)), log.applied, loss=loss)

    def lose(self, replica: ReplicaId, life: int = 7) -> ConsensusCore:
        """Let a replica begin anew on an empty log."""
        self.logs[replica] = MemoryLog()
        self.sent = []
        return self.restart(replica, life)

    def restart(self, replica: ReplicaId, life: int = 0) -> ConsensusCore:
        """Start a replica on what it has persisted; with a life, as one that has lost its log."""
        self.cores[replica] = self._core(replica, Loss(life, len(self.cores)) if life else None)
        return self.cores[replica]

    def elect(self, replica: ReplicaId = LEADER) -> ConsensusCore:
        self.cores[replica].campaign()
        self.run()
        assert self.cores[replica].role is Role.LEADER
        return self.cores[replica]

    def put(self, leader: ConsensusCore) -> Index:
        index = leader.propose((b"x",))
        assert isinstance(index, int)
        self.run()
        return Index(index)

    def tick(self, count: int = 1, only: Collection[ReplicaId] = ()) -> None:
        for _ in range(count):
            for replica in only or list(self.cores):
                self.cores[replica].tick()
            self.run()

    def run(self) -> None:
        """Carry out every Ready and deliver every message until nothing is left."""
        is_busy = True
        while is_busy:
            pumped = [self._pump(replica) for replica in list(self.cores)]
            is_busy = any(pumped)

    def _pump(self, replica: ReplicaId) -> bool:
        core = self.cores[replica]
        if not core.has_ready():
            return False
        ready = core.ready()
        self.logs[replica].persist(ready)
        core.advance(ready)
        if ready.committed:
            self.logs[replica].applied = ready.committed[-1].index
            core.applied_to(ready.committed[-1].index)
        for message in ready.messages():
            self._deliver(message)
        return True

    def _deliver(self, message: Message) -> None:
        self.sent.append(message)
        if message.kind not in self.unheard and not {message.sender, message.recipient} & self.unreachable:
            self.cores[message.recipient].step(message)


def vote_request(group: Group, candidate: ReplicaId, voter: ReplicaId, term: int) -> Message:
    log = group.logs[candidate]
    return Message(
        MessageKind.VOTE,
        candidate,
        voter,
        Term(term),
        log_term=Term(log.term(log.last_index())),
        index=log.last_index(),
    )


# What it says is marked, and nothing marked moves the commit index: the entry may be lost with it a second time.
def test_what_it_acknowledges_commits_nothing() -> None:
    group = Group()
    leader = group.elect()
    group.lose(LOST)
    group.unreachable = {OTHER}
    index = group.put(leader)
    group.tick(3)
    assert group.logs[LOST].last_index() >= index
    assert leader.commit < index
    replies = [each for each in group.sent if each.sender == LOST]
    assert replies
    assert all(each.recovering == 7 for each in replies)


# A vote that it has given may be on its way to another candidate still: it gives none, to nobody, whatever the term.
def test_it_gives_no_vote_and_does_not_campaign() -> None:
    group = Group()
    group.elect()
    lost = group.lose(LOST)
    group.unreachable = {LEADER}
    lost.step(vote_request(group, OTHER, LOST, 9))
    lost.step(Message(MessageKind.TIMEOUT_NOW, LEADER, LOST, Term(9)))
    assert not lost.campaign()
    group.tick(40, only=[LOST])
    assert not [each for each in group.sent if each.kind is MessageKind.VOTE_REPLY and not each.reject]
    assert lost.role is Role.FOLLOWER


# Its leader counts it as if it had nothing, at once, and never takes back what is committed.
def test_its_leader_forgets_what_it_had_acknowledged() -> None:
    group = Group()
    leader = group.elect()
    index = group.put(leader)
    assert {peer.replica: peer.match for peer in leader.status().peers}[LOST] == index
    group.unheard = {MessageKind.APPEND, MessageKind.SNAPSHOT}
    group.lose(LOST)
    group.tick()
    assert {peer.replica: (peer.match, peer.is_recovering) for peer in leader.status().peers}[LOST] == (0, True)
    assert leader.commit == index


# Having the log is not enough. Somebody has to vouch for what may have been promised, and that takes every other voter.
def test_it_is_not_whole_before_every_other_voter_has_vouched() -> None:
    group = Group(5)
    leader = group.elect()
    group.put(leader)
    group.lose(LOST)
    group.unreachable = {ReplicaId(5)}
    group.tick(9)
    assert group.logs[LOST].last_index() == leader.last_index
    assert not group.cores[LOST].is_whole_again
    group.unreachable = set()
    group.tick(3)
    assert group.cores[LOST].is_whole_again


# Leader and lost replica may have been the only ones with the newest entries of the leader's own term: that the term has begun to
# arrive says nothing about those. Only the index that the leader names does, and only once it is durably here.
def test_an_entry_of_the_leaders_term_is_not_enough() -> None:
    group = Group()
    leader = group.elect()
    for _ in range(3):
        last = group.put(leader)
    lost = group.lose(LOST)
    group.logs[LOST] = MemoryLog.bootstrapped(group.membership)
    lost = group.restart(LOST, life=7)
    entries = leader.replica.log.entries(2, last + 1, 1 << 20)
    begun = Message(
        MessageKind.APPEND, LEADER, LOST, leader.term, log_term=Term(1), index=Index(1), entries=entries[:1]
    )
    lost.step(replace(begun, commit=entries[0].index))
    group.unreachable = {LEADER, OTHER}
    group.run()
    assert lost.commit == entries[0].index
    assert not lost.is_whole_again
    lost.step(Message(MessageKind.SAFE_INDEX, LEADER, LOST, leader.term, index=last, context=7))
    assert not lost.is_whole_again
    first = entries[0]
    lost.step(replace(begun, index=first.index, log_term=first.term, entries=entries[1:], commit=last))
    assert not lost.is_whole_again
    group.run()
    assert lost.is_whole_again


# A round that was under way when the replica began anew proves nothing about what came after.
def test_the_round_that_vouches_begins_after_the_sign_of_life() -> None:
    group = Group()
    leader = group.elect()
    group.put(leader)
    group.lose(LOST)
    group.tick(2)
    told = next(number for number, each in enumerate(group.sent) if each.kind is MessageKind.SAFE_INDEX)
    signs = [number for number, each in enumerate(group.sent) if each.recovering]
    rounds = [
        number
        for number, each in enumerate(group.sent[:told])
        if each.kind is MessageKind.HEARTBEAT and each.recipient == OTHER and number > signs[0]
    ]
    assert rounds, "no round began between the first sign and the leader's word"


# From then on it counts, with all that it has acknowledged meanwhile; the commit waits for no new entry.
def test_it_counts_again_once_it_is_whole() -> None:
    group = Group()
    leader = group.elect()
    group.lose(LOST)
    group.tick(3)
    assert group.cores[LOST].is_whole_again
    group.unreachable = {OTHER}
    index = group.put(leader)
    assert leader.commit < index
    group.cores[LOST].recovered()
    group.tick(2)
    assert leader.commit == index


# It may have voted for this very leader: a candidate that lost that election must not get the vote again, over a restart.
def test_its_vote_in_the_leaders_term_is_given() -> None:
    group = Group()
    leader = group.elect()
    group.lose(LOST)
    group.tick(3)
    group.cores[LOST].recovered()
    restarted = group.restart(LOST)
    for _ in range(10):
        restarted.tick()
    restarted.step(vote_request(group, OTHER, LOST, leader.term))
    group.run()
    assert not [
        each for each in group.sent if each.kind is MessageKind.VOTE_REPLY and each.sender == LOST and not each.reject
    ]


# A leader's word is for one life: who has lost its log once more since needs a new one.
def test_the_word_for_an_earlier_life_counts_for_nothing() -> None:
    group = Group()
    leader = group.elect()
    group.put(leader)
    lost = group.lose(LOST, life=8)
    word = Message(MessageKind.SAFE_INDEX, LEADER, LOST, leader.term, index=Index(1), context=7)
    lost.step(word)
    assert group.cores[LOST].replica.safe_index == 0


# A follower whose leader knows more of it than it has must not fail: it has lost something, and says so.
def test_a_heartbeat_beyond_the_log_is_a_loss() -> None:
    group = Group()
    leader = group.elect()
    index = group.put(leader)
    short = group.cores[LOST]
    short.step(Message(MessageKind.HEARTBEAT, LEADER, LOST, leader.term, commit=Index(index + 5), context=3))
    assert short.lost_index == index + 5
    assert short.commit <= index


# A log that never meets the leader's must show, although each single rejection is in order; one append that fits ends it.
def test_rejections_in_a_row_are_counted() -> None:
    group = Group()
    leader = group.elect()
    follower = group.cores[LOST]
    beyond = Message(MessageKind.APPEND, LEADER, LOST, leader.term, log_term=leader.term, index=Index(99))
    for count in range(1, 4):
        follower.step(beyond)
        assert follower.rejections == count
    group.put(leader)
    assert follower.rejections == 0


# Of two voters each has every committed entry: without the vote of the one that lost its log nobody could lead any more.
def test_the_other_of_two_may_lead() -> None:
    group = Group(2)
    group.elect(OTHER)
    group.lose(LEADER)
    group.restart(OTHER)
    group.tick(45)
    assert group.cores[OTHER].role is Role.LEADER
    assert not group.cores[LEADER].campaign()
