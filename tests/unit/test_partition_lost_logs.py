"""A replica whose disk was emptied: it votes for nobody who might lack what it has forgotten, and it comes back."""

import random

from node.consensus.config import ConsensusConfig
from node.consensus.core import ConsensusCore
from node.consensus.types import Entry, EntryKind, Index, Membership, Message, MessageKind, ReplicaId, Term
from node.partition.lost_logs import LostLog
from node.storage.memory_engine import MemoryEngine
from tests.support.consensus_log import MemoryLog
from tests.support.partition_items import body, get, put, table
from tests.support.partition_region import Region
from wire.commands import Got, Written

ONE = {"N": "1"}


def empty(*voters: int) -> tuple[ConsensusCore, LostLog]:
    membership = Membership(voters=tuple(map(ReplicaId, voters)))
    config = ConsensusConfig(id=ReplicaId(1))
    consensus = ConsensusCore(config, MemoryLog.bootstrapped(membership), random.Random(1), Index(1))
    return consensus, LostLog(consensus)


def message(kind: MessageKind, **fields: int) -> Message:
    wrapped = {"term": Term(4), "log_term": Term(1), **fields}
    return Message(kind, ReplicaId(2), ReplicaId(1), **wrapped)  # type: ignore[arg-type]


# The emptied replica may be the only other one that had an entry: its vote would let a leader without it be elected.
def test_no_vote_for_anybody_with_a_log() -> None:
    _, lost = empty(1, 2, 3)
    for kind in (MessageKind.PRE_VOTE, MessageKind.VOTE):
        assert lost.screened(message(kind, index=Index(5))) == (None, None)


# Groups are founded on empty disks: there, everybody's log is as empty.
def test_founders_vote() -> None:
    _, lost = empty(1, 2, 3)
    vote = message(MessageKind.VOTE, index=Index(1))
    assert lost.screened(vote) == (vote, None)


# Of two voters the other one has everything, and nobody else could ever lead.
def test_the_other_of_two_gets_the_vote() -> None:
    _, lost = empty(1, 2)
    vote = message(MessageKind.VOTE, index=Index(5))
    assert lost.screened(vote) == (vote, None)


# What counts is an entry of the leader's own term: below it lies everything that was ever committed.
def test_careful_until_an_entry_of_the_leaders_term_is_here() -> None:
    consensus, lost = empty(1, 2, 3)
    for index, term, is_careful in ((2, 3, True), (3, 4, False)):
        entry = Entry(Term(term), Index(index), EntryKind.NORMAL, b"")
        previous = Term(1 if index == 2 else 3)
        append = message(MessageKind.APPEND, index=Index(index - 1), log_term=previous, commit=Index(index))
        append.entries = (entry,)
        consensus.step(append)
        lost.stepped(append)
        assert lost.is_possible is is_careful


# A heartbeat that speaks of more than there is gets an answer that says so, and moves nothing.
def test_a_leader_is_told_what_is_missing() -> None:
    _, lost = empty(1, 2, 3)
    screened, answer = lost.screened(message(MessageKind.HEARTBEAT, commit=Index(9)))
    assert screened is not None
    assert screened.commit == 0
    assert answer is not None
    assert (answer.reject, answer.index, answer.reject_hint) == (True, 9, 1)


# The leader stays alive and knows what was acknowledged; the emptied follower still gets everything again.
async def test_an_emptied_follower_is_filled_again() -> None:
    async with Region(table()) as region:
        assert isinstance(await region.ask(put("x", "0000", n=ONE)), Written)
        leader = await region.leader()
        follower = next(node for node in region.nodes if node != leader)
        await region.eventually(get("x", "0000", consistent=False), follower, Got(body("x", "0000", n=ONE), 10))
        await region.stop(follower)
        region.engines[follower] = MemoryEngine()
        region.start(follower)
        await region.eventually(get("x", "0000", consistent=False), follower, Got(body("x", "0000", n=ONE), 10))
        assert isinstance(await region.ask(put("y", n=ONE)), Written)
