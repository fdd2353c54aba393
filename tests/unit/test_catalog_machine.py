"""Partition 0's state machine: what the leader decides, every replica comes to believe."""

import pytest

from node.catalog.machine import CatalogMachine, read_state, write_delta
from node.catalog.placement import founding_delta
from node.partition.machine import Evaluation, StateMachine
from node.storage.engine import Engine, Space
from node.storage.errors import DamagedRecord
from node.storage.layout import state_key
from node.storage.memory_engine import MemoryEngine
from tests.support.rpc_catalog import RULES, create, region_entry
from wire.catalog import CATALOG_PARTITION, Delta
from wire.catalog_changes import CatalogChange, Decided, DeleteTable, FinishTable, encode_change
from wire.cluster import Settings
from wire.commands import CatalogDecided, ChangeCatalog, Failed, Get
from wire.errors import ErrorCode
from wire.keys import ItemKey


class Replica:
    """A machine on an engine, driven as a partition would drive it."""

    def __init__(self) -> None:
        self.engine: Engine = MemoryEngine()
        self.engine.write(lambda transaction: write_delta(founding_delta(region_entry(), Settings()), transaction))
        self.told: list[int] = []
        self.machine = self.reopened()

    def reopened(self) -> CatalogMachine:
        machine = CatalogMachine(RULES, lambda delta: self.told.append(delta.version))
        with self.engine.snapshot() as view:
            machine.restored(view)
        return machine

    def evaluate(self, change: CatalogChange, index: int) -> Evaluation:
        with self.engine.snapshot() as view:
            return self.machine.evaluate(ChangeCatalog(encode_change(change)), view, index)

    def apply(self, index: int, *effects: bytes) -> None:
        self.engine.write(lambda transaction: self.machine.apply(effects, 0, transaction))
        self.machine.applied(effects, index)


@pytest.fixture
def replica() -> Replica:
    return Replica()


def decided(evaluation: Evaluation) -> Decided:
    assert isinstance(evaluation.outcome, CatalogDecided)
    return Decided.decode(evaluation.outcome.payload)


# The seam that partitions use; a signature that drifts would only show in a running node.
def test_it_is_a_state_machine(replica: Replica) -> None:
    machine: StateMachine = replica.machine
    assert machine is not None


# The leader believes nothing before it is applied, and says which version carries the change.
def test_a_decision_is_believed_once_applied(replica: Replica) -> None:
    evaluation = replica.evaluate(create("t"), 5)
    assert decided(evaluation).version == 2
    assert replica.machine.view.tables == {}
    replica.apply(5, evaluation.effect)
    assert list(replica.machine.view.tables) == ["t"]
    assert replica.told == [1, 2]


# Two creations of one name in flight at once: the second has to see the first, and to wait for its entry.
def test_a_decision_sees_the_ones_before_it(replica: Replica) -> None:
    replica.evaluate(create("t"), 5)
    second = replica.evaluate(create("t"), 6)
    assert second == Evaluation(b"", Failed(ErrorCode.RESOURCE_IN_USE, "Table already exists: t"), 5)


# Leadership was lost before the entry was committed: the name is free again.
def test_a_lost_decision_is_forgotten(replica: Replica) -> None:
    kept = replica.evaluate(create("a"), 5)
    replica.evaluate(create("b"), 6)
    replica.machine.discard(6)
    again = replica.evaluate(create("b"), 6)
    assert decided(again).version == 3
    replica.apply(6, kept.effect, again.effect)
    assert sorted(replica.machine.view.tables) == ["a", "b"]
    assert replica.machine.view.tables["b"].number == 2


# A follower never evaluated anything; a former leader's undecided change must not survive another leader's.
def test_a_follower_applies_what_another_decided(replica: Replica) -> None:
    leader = Replica()
    created = leader.evaluate(create("t"), 5)
    dropped = leader.evaluate(DeleteTable(name="t", now_ms=1), 6)
    replica.apply(6, created.effect, dropped.effect)
    assert replica.machine.view.tables == {}
    assert decided(replica.evaluate(create("u"), 7)).version == 4


# A restart, or a snapshot from the leader: the rows on disk are everything there is.
def test_a_restart_finds_everything(replica: Replica) -> None:
    evaluation = replica.evaluate(create("t"), 5)
    replica.apply(5, evaluation.effect)
    again = replica.reopened()
    assert again.full_delta() == replica.machine.full_delta()
    with replica.engine.snapshot() as view:
        assert read_state(view) == replica.machine.full_delta()


# A step that finds its work done changes nothing, yet its answer must not overtake what it looked at.
def test_a_void_step_rests_on_what_it_saw(replica: Replica) -> None:
    replica.evaluate(create("t"), 5)
    evaluation = replica.evaluate(FinishTable(name="t", number=9), 6)
    assert (evaluation.effect, evaluation.rests_on, decided(evaluation).version) == (b"", 5, 2)


# Commands for items, or bytes of a newer version, come to the wrong address: an answer, not a crash.
def test_what_is_no_change_is_refused(replica: Replica) -> None:
    with replica.engine.snapshot() as view:
        for command in (Get(1, ItemKey(b"k"), True), ChangeCatalog(b'{"type":"Unheard"}')):
            outcome = replica.machine.evaluate(command, view, 5).outcome
            assert isinstance(outcome, Failed)
            assert outcome.code is ErrorCode.INTERNAL


# Before the founding rows there is nothing to tell.
def test_an_empty_disk_is_version_zero() -> None:
    told: list[Delta] = []
    machine = CatalogMachine(RULES, told.append)
    with MemoryEngine().snapshot() as view:
        machine.restored(view)
    assert (machine.view.version, told) == (0, [])


# A flipped bit in the catalog could send every write of a table elsewhere: it is reported, never believed.
def test_a_damaged_row_is_not_believed(replica: Replica) -> None:
    key = state_key(CATALOG_PARTITION, "catalog/row/node/us-east-1-1")
    with replica.engine.snapshot() as view:
        stored = view.get(Space.STATE, key)
    assert stored is not None
    replica.engine.write(lambda transaction: transaction.put(Space.STATE, key, stored[:-1] + b"!"))
    with replica.engine.snapshot() as view, pytest.raises(DamagedRecord, match="node/us-east-1-1"):
        read_state(view)


# ... nor is a key: one that is no text any more is damage, too, and not the end of the process.
def test_a_damaged_key_is_not_believed(replica: Replica) -> None:
    key = state_key(CATALOG_PARTITION, "catalog/row/node/us-east-1-1")
    with replica.engine.snapshot() as view:
        stored = view.get(Space.STATE, key)
    assert stored is not None
    replica.engine.write(lambda transaction: transaction.put(Space.STATE, key[:-1] + b"\xc1", stored))
    with replica.engine.snapshot() as view, pytest.raises(DamagedRecord, match="us-east-1-"):
        read_state(view)
