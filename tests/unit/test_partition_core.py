"""One core by hand: what is answered when, and what becomes of it when leadership goes."""

import pytest

from node.consensus.types import Entry, EntryKind, Index, Message, MessageKind, ReplicaId, Term
from node.partition.core import HELD_TICKS_MAX, STALE_TICKS
from node.partition.entries import Cursor, effect_piece, encode_entry
from node.partition.rows import Progress, read_cursor
from node.partition.settings import PartitionConfig
from tests.support.partition_core import LEASE_SECONDS, PARTITION, CoreBench
from tests.support.partition_items import body, get, put, query, table, update
from tests.support.partition_machine import MachineBench
from wire.commands import ChangeCatalog, ConditionFailed, Failed, Got, NotLeader, Page, Returned, Written
from wire.errors import ErrorCode
from wire.expressions import add, exists, not_exists, path, value
from wire.expressions import update as update_tree

ONE, TWO = {"N": "1"}, {"N": "2"}
INCREMENT = update_tree(add(path("n"), value(0)))


def failed(outcome: object) -> ErrorCode | None:
    return outcome.code if isinstance(outcome, Failed) else None


# An acknowledged write must survive the leader: no answer before a quorum has it.
def test_a_write_is_answered_when_it_is_committed() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    assert bench.ask(put("x", n=ONE)) is None
    bench.acknowledge()
    assert isinstance(bench.outcomes[1], Written)


# A tree that this version cannot read, from a newer router or from anybody, is the asker's trouble and not the end of the leader.
@pytest.mark.parametrize(
    "tree", [b"[", b"{}", b"[]", b'["no such operator"]', b'["=",["p"]]', b'["and",1]', b'["update",["set"]]']
)
def test_an_unreadable_tree_is_refused(tree: bytes) -> None:
    bench = CoreBench(table()).elect()
    bench.ask(put("x", n=ONE))
    commands = [
        query("x")._replace(filter=tree),
        query("x")._replace(projection=tree),
        get("x")._replace(projection=tree),
    ]
    writes = [put("x")._replace(condition=tree), update("x")._replace(update=tree)]
    outcomes = [bench.ask(command) for command in (*commands, *writes)]
    assert {failed(outcome) for outcome in outcomes} <= {ErrorCode.INTERNAL}
    assert bench.ask(get("x")) == Got(body("x", n=ONE), 7)


# Nor is one that names values which did not come with it.
@pytest.mark.parametrize("value", [b"1", b'"one"'])
def test_a_value_that_is_not_there_is_refused(value: bytes) -> None:
    bench = CoreBench(table()).elect()
    bench.ask(put("x", n=ONE))
    tree = b'["=",["p","n"],["v",' + value + b"]]"
    outcomes = [bench.ask(put("x")._replace(condition=tree)), bench.ask(query("x")._replace(filter=tree))]
    assert {failed(outcome) for outcome in outcomes} == {ErrorCode.INTERNAL}
    assert bench.ask(get("x")) == Got(body("x", n=ONE), 7)


# Applying comes later: neither the answer nor a read of the item waits for it.
def test_a_read_sees_a_committed_write_before_it_is_applied() -> None:
    bench = CoreBench(table()).elect()
    bench.applies = False
    bench.ask(put("x", n=ONE))
    assert bench.ask(get("x")) == Got(body("x", n=ONE), 7)


# Pages come from applied state only, so they wait for what was committed when they arrived.
def test_a_page_waits_until_what_it_has_to_see_is_applied() -> None:
    bench = CoreBench(table(), table(2)).elect()
    bench.applies = False
    bench.ask(put("x", n=ONE))
    assert isinstance(bench.ask(query("x", number=2)), Page)
    assert bench.ask(query("x")) is None
    assert bench.core.wants_apply
    bench.apply()
    page = bench.outcomes[3]
    assert isinstance(page, Page)
    assert page.count == 1


# A script that writes and then queries the leader expects what it wrote, strongly consistent or not; a follower owes it nothing.
def test_a_page_of_the_leader_holds_what_was_answered() -> None:
    bench = CoreBench(table()).elect()
    bench.applies = False
    bench.ask(put("x", n=ONE))
    relaxed = query("x")._replace(consistent=False)
    assert bench.ask(relaxed) is None
    bench.apply()
    page = bench.outcomes[2]
    assert isinstance(page, Page)
    assert page.count == 1
    bench.core.step(Message(MessageKind.HEARTBEAT, ReplicaId(2), ReplicaId(1), Term(9)))
    assert isinstance(bench.ask(relaxed), Page)


# All writes of a turn share one entry: consensus costs per turn, not per write.
def test_one_turn_makes_one_entry() -> None:
    bench = CoreBench(table()).elect()
    before = bench.core.consensus.last_index
    for number in range(100):
        bench.submit(put(f"x{number}"))
    bench.run()
    assert bench.core.consensus.last_index == before + 1
    assert len(bench.outcomes) == 100


# A turn is bounded, so that reads and ticks of other partitions are not held up.
def test_a_turn_evaluates_a_bounded_number_of_writes() -> None:
    bench = CoreBench(table(), config=PartitionConfig(turn_requests_max=10)).elect()
    before = bench.core.consensus.last_index
    for number in range(25):
        bench.submit(put(f"x{number}"))
    bench.run()
    assert bench.core.consensus.last_index == before + 3


# Nobody knows what becomes of an entry that was proposed when leadership goes; what was only queued was surely not done.
def test_lost_leadership_leaves_proposed_writes_unknown() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    proposed = bench.submit(put("x", n=ONE))
    bench.run()
    queued = bench.submit(put("y", n=ONE))
    bench.depose()
    assert failed(bench.outcomes[proposed]) == ErrorCode.UNKNOWN_OUTCOME
    assert bench.outcomes[queued] == NotLeader("n2")
    assert bench.ask(put("z")) == NotLeader("n2")


# One message can take leadership away and move the commit index over another leader's entry of the same number.
def test_another_leaders_entry_never_acknowledges_ours() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    bench.ask(put("x", n=ONE))
    consensus = bench.core.consensus
    index, before = consensus.last_index, Index(consensus.last_index - 1)
    term = Term(consensus.term + 1)
    other = Entry(term, index, EntryKind.NORMAL, encode_entry(1, []))
    bench.core.step(
        Message(MessageKind.APPEND, ReplicaId(2), ReplicaId(1), term, consensus.term, before, (other,), commit=index)
    )
    bench.run()
    assert consensus.commit == index
    assert failed(bench.outcomes[1]) == ErrorCode.UNKNOWN_OUTCOME


# What was evaluated and lost must not be seen by the next evaluation, should this replica lead again.
def test_a_lost_write_is_forgotten() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    for _ in range(3):
        bench.ask(update("x", tree=INCREMENT, values=[ONE]))
    consensus = bench.core.consensus
    term, last = Term(consensus.term + 1), consensus.commit
    other = Entry(term, Index(last + 1), EntryKind.EMPTY, b"")
    bench.core.step(
        Message(MessageKind.APPEND, ReplicaId(2), ReplicaId(1), term, consensus.term, last, (other,), Index(last + 1))
    )
    bench.run()
    bench.peers_answer = True
    bench.elect()
    outcome = bench.ask(update("x", tree=INCREMENT, values=[ONE], returned=Returned.UPDATED_NEW))
    assert isinstance(outcome, Written)
    assert outcome.attributes == b'{"n":{"N":"1"}}'


# The entry that takes its place is committed under the same number: until it is applied, a reader must not be shown the lost one.
def test_a_lost_write_is_not_read_in_place_of_what_was_committed() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = bench.applies = False
    bench.ask(put("x", n=ONE))
    consensus = bench.core.consensus
    term, last = Term(consensus.term + 1), consensus.commit
    other = Entry(term, Index(last + 1), EntryKind.EMPTY, b"")
    bench.core.step(
        Message(MessageKind.APPEND, ReplicaId(2), ReplicaId(1), term, consensus.term, last, (other,), Index(last + 1))
    )
    bench.run()
    assert consensus.commit == last + 1
    outcome = bench.ask(get("x", consistent=False))
    assert isinstance(outcome, Got)
    assert not outcome.item


# What its predecessors committed is in its log and perhaps not in its state yet: it must not decide on less.
def test_a_leader_serves_nothing_before_its_terms_start_is_applied() -> None:
    bench = CoreBench(table())
    bench.applies = False
    bench.elect()
    assert bench.core.consensus.committed_in_term
    # Any news makes it look again whether it may serve.
    bench.core.catalog_changed()
    assert not bench.core.is_ready
    assert failed(bench.ask(get("x"))) == failed(bench.ask(put("x"))) == ErrorCode.NOT_READY
    bench.apply()
    assert bench.core.is_ready
    assert isinstance(bench.ask(get("x")), Got)


# A condition that failed because of a write that may still be lost has not failed yet.
def test_a_condition_failed_on_an_uncommitted_write_waits_for_it() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    bench.ask(put("x", n=ONE))
    loser = bench.submit(put("x", condition=not_exists(path("p"))))
    bench.run()
    assert loser not in bench.outcomes
    bench.acknowledge()
    assert isinstance(bench.outcomes[loser], ConditionFailed)


# Nor may a leader that has been deposed without knowing it say what a condition comes to.
def test_a_failed_condition_needs_certain_leadership() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    bench.clock.advance(2 * LEASE_SECONDS)
    loser = bench.submit(put("x", condition=exists(path("p"))))
    bench.run()
    assert loser not in bench.outcomes
    bench.acknowledge(context=bench.core.consensus.replica.round)
    assert isinstance(bench.outcomes[loser], ConditionFailed)


# With a lease a read costs no message; without one it asks a quorum first.
def test_a_read_is_answered_by_lease_or_by_quorum() -> None:
    bench = CoreBench(table()).elect()
    bench.ask(put("x", n=ONE))
    bench.peers_answer = False
    bench.sent.clear()
    assert isinstance(bench.ask(get("x")), Got)
    assert bench.sent == []
    bench.clock.advance(2 * LEASE_SECONDS)
    first, second = bench.submit(get("x")), bench.submit(get("x"))
    bench.run()
    assert not {first, second} & bench.outcomes.keys()
    assert [message.kind for message in bench.sent] == [MessageKind.HEARTBEAT] * 2
    bench.acknowledge(context=bench.core.consensus.replica.round)
    assert isinstance(bench.outcomes[first], Got)
    assert isinstance(bench.outcomes[second], Got)


# A cut-off leader must not answer a read for ever, nor falsely.
def test_reads_without_a_quorum_end_with_their_deadline_or_the_leadership() -> None:
    bench = CoreBench(table()).elect()
    bench.peers_answer = False
    bench.clock.advance(2 * LEASE_SECONDS)
    short, long = bench.submit(get("x"), timeout_ms=150), bench.submit(get("x"), timeout_ms=60_000)
    bench.run()
    bench.tick(2)
    assert failed(bench.outcomes[short]) == ErrorCode.DEADLINE_EXCEEDED
    bench.tick(25)
    assert bench.outcomes[long] == NotLeader("")


# A write whose time is up before it was proposed is never done: its client has gone.
def test_a_late_write_is_not_applied() -> None:
    bench = CoreBench(table()).elect()
    late = bench.submit(put("x"), timeout_ms=100)
    bench.clock.advance(1)
    bench.run()
    assert failed(bench.outcomes[late]) == ErrorCode.DEADLINE_EXCEEDED
    bench.tick(1)
    assert bench.ask(get("x")) == Got(b"", 0)


# A flood is refused at once instead of growing a queue.
def test_too_many_waiting_requests_are_refused() -> None:
    bench = CoreBench(table(), config=PartitionConfig(waiting_requests_max=2)).elect()
    bench.peers_answer = False
    ids = [bench.submit(put("x", f"{number}")) for number in range(3)]
    assert [failed(bench.outcomes.get(each)) for each in ids] == [None, None, ErrorCode.OVERLOADED]


# A new leader that knows an older catalog than the one its state was decided with would decide wrongly.
def test_a_leader_waits_for_the_catalog_its_state_was_decided_with() -> None:
    bench = CoreBench(table(), progress=Progress(0, catalog_version=5)).elect()
    assert failed(bench.ask(put("x"))) == ErrorCode.NOT_READY
    bench.catalog_version = 5
    bench.core.catalog_changed()
    assert isinstance(bench.ask(put("x")), Written)


# The same when the version comes with an entry of the log rather than from the disk.
def test_a_leader_waits_for_the_catalog_its_log_was_decided_with() -> None:
    bench = CoreBench(table())
    effect = MachineBench(table()).run(put("x", n=ONE)).effect
    entry = Entry(Term(1), Index(1), EntryKind.NORMAL, encode_entry(9, [effect_piece(effect)]))
    bench.core.step(
        Message(MessageKind.APPEND, ReplicaId(2), ReplicaId(1), Term(1), Term(0), Index(0), (entry,), Index(1))
    )
    bench.run()
    bench.elect()
    assert failed(bench.ask(get("x"))) == ErrorCode.NOT_READY
    bench.catalog_version = 9
    bench.core.catalog_changed()
    assert bench.ask(get("x")) == Got(body("x", n=ONE), 7)


# A router with an old placement must be told, and must be able to send the request elsewhere.
def test_requests_of_another_epoch_or_kind_are_refused() -> None:
    bench = CoreBench(table()).elect()
    stale = bench.submit(put("x"), epoch=2)
    assert failed(bench.outcomes[stale]) == ErrorCode.STALE_EPOCH
    assert failed(bench.ask(ChangeCatalog(b"{}"))) == ErrorCode.INTERNAL


# A leader whose disk is full keeps writes for its heir; when none comes in time, it refuses them and goes on with reads.
def test_a_full_disk_holds_writes_then_refuses_them_and_keeps_reads() -> None:
    bench = CoreBench(table()).elect()
    bench.ask(put("x", n=ONE))
    bench.core.storage_changed(is_full=True)
    held = bench.submit(put("x", n=TWO))
    bench.run()
    assert held not in bench.outcomes
    bench.tick(HELD_TICKS_MAX)
    assert failed(bench.outcomes[held]) == ErrorCode.STORAGE_FULL
    assert failed(bench.ask(put("x", n=TWO))) == ErrorCode.STORAGE_FULL
    assert bench.ask(get("x")) == Got(body("x", n=ONE), 7)
    bench.core.storage_changed(is_full=False)
    assert isinstance(bench.ask(put("x", n=TWO)), Written)


# Two full followers cannot keep what a leader with space would propose: its clients must hear that, not be left in doubt.
def test_writes_are_refused_while_a_majority_has_no_space() -> None:
    bench = CoreBench(table()).elect()
    bench.lacking_space = {2}
    bench.tick()
    assert isinstance(bench.ask(put("x", n=ONE)), Written)
    bench.lacking_space = {2, 3}
    bench.tick(2)
    last_index = bench.core.consensus.last_index
    assert failed(bench.ask(put("x", n=TWO))) == ErrorCode.STORAGE_FULL
    assert bench.core.consensus.last_index == last_index
    assert bench.ask(get("x")) == Got(body("x", n=ONE), 7)
    bench.lacking_space = set()
    bench.tick(2)
    assert isinstance(bench.ask(put("x", n=TWO)), Written)


# A follower that says nothing at all keeps nothing either: beside a full one no majority is left.
def test_a_silent_follower_has_no_space_beside_a_full_one() -> None:
    bench = CoreBench(table()).elect()
    bench.lacking_space, bench.silent = {2}, {3}
    bench.tick(2 * bench.core.consensus.replica.config.election_ticks)
    assert failed(bench.ask(put("x", n=ONE))) == ErrorCode.STORAGE_FULL


# A leader that cannot write hands over without writing: nothing is persisted, and what asks the heir leaves at once.
def test_a_leader_resigns_without_a_turn() -> None:
    bench = CoreBench(table()).elect()
    waiting = bench.submit(put("x", n=ONE))
    message = bench.core.resign(ReplicaId(3))
    assert message is not None
    assert (message.kind, message.recipient) == (MessageKind.TIMEOUT_NOW, 3)
    assert not bench.core.is_leader
    assert isinstance(bench.outcomes[waiting], NotLeader)
    assert isinstance(bench.ask(get("x")), NotLeader)


# A replica that hears no leader, or cannot keep what it sends, shows a past that grows older: from some time on another must be asked.
@pytest.mark.parametrize("is_stuck", [False, True])
def test_a_replica_that_does_not_keep_up_answers_no_reads(is_stuck: bool) -> None:
    bench = CoreBench(table())
    bench.peers_answer = False
    for ticks in range(STALE_TICKS + 2):
        if is_stuck:
            bench.depose()
        outcome = bench.ask(get("x", consistent=False))
        assert isinstance(outcome, Got) == (ticks <= STALE_TICKS)
        bench.core.tick(is_stuck=is_stuck)
        bench.run()
    assert failed(bench.ask(get("x", consistent=False))) == ErrorCode.NOT_READY
    bench.depose()
    bench.core.tick()
    assert isinstance(bench.ask(get("x", consistent=False)), Got)


# While leadership is being handed over writes wait; if the other does not take it, they are done here after all.
def test_writes_wait_while_leadership_is_handed_over() -> None:
    bench = CoreBench(table()).elect()
    assert bench.core.transfer(ReplicaId(2))
    waiting = bench.submit(put("x"))
    bench.run()
    assert waiting not in bench.outcomes
    assert not bench.core.has_work()
    bench.tick(25)
    assert isinstance(bench.outcomes[waiting], Written)


# Shippers keep their place in the replicated state: it must be there after any leader.
def test_a_cursor_is_replicated_state() -> None:
    bench = CoreBench(table()).elect()
    bench.core.propose(Cursor("ship/eu-west-1/1", b"17"), 5.0, bench.done())
    bench.run()
    assert isinstance(bench.outcomes[0], Written)
    with bench.engine.snapshot() as view:
        assert read_cursor(view, PARTITION, "ship/eu-west-1/1") == b"17"


# A replica whose data is incomplete must not grow its log, campaign or answer, but must keep its leader informed.
def test_a_replica_without_whole_data_refuses_entries_and_answers_heartbeats() -> None:
    bench = CoreBench(table())
    bench.core.is_installing = True
    entry = Entry(Term(1), Index(1), EntryKind.NORMAL, encode_entry(1, []))
    append = Message(MessageKind.APPEND, ReplicaId(2), ReplicaId(1), Term(1), Term(0), Index(0), (entry,))
    bench.core.step(append)
    bench.run()
    kinds = [(message.kind, message.reject) for message in bench.sent]
    assert sorted(kinds) == [(MessageKind.APPEND_REPLY, True), (MessageKind.HEARTBEAT_REPLY, False)]
    assert bench.core.consensus.last_index == 0
    assert failed(bench.ask(get("x", consistent=False))) == ErrorCode.NOT_READY
    bench.sent.clear()
    bench.tick(30)
    assert bench.sent == []
