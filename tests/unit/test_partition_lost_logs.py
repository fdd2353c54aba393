"""A replica whose log was lost: what it is held to, on its disk and towards the others, until it is whole again."""

import asyncio

import pytest

from node.consensus.types import Index, Message, MessageKind, ReplicaId, Term
from node.partition.losing import Losing
from node.partition.lost_logs import lose_to, lost_reason
from node.partition.status import REJECTIONS_MAX
from node.partition.stored_log import open_log
from node.storage.batch import WriteBatch
from node.storage.engine import Space
from node.storage.memory_engine import MemoryEngine
from tests.support.partition_items import body, get, put, table
from tests.support.partition_region import SECONDS_MAX, TICK_MS, Region
from wire.catalog import NodeId, PartitionId, Placement
from wire.commands import Failed, Got, Written
from wire.conditions import Condition
from wire.errors import ErrorCode

ONE = {"N": "1"}
X = PartitionId(1)


async def follower_of(region: Region) -> NodeId:
    """Return a follower that has what was written."""
    assert isinstance(await region.ask(put("x", "0000", n=ONE)), Written)
    leader = await region.leader()
    follower = next(node for node in region.nodes if node != leader)
    await region.eventually(get("x", "0000", consistent=False), follower, Got(body("x", "0000", n=ONE), 10))
    return follower


def conditions(region: Region, node: NodeId) -> frozenset[Condition]:
    return region.network.drivers[node].status()[0].conditions


def reason(region: Region, node: NodeId) -> str | None:
    with region.engines[node].snapshot() as view:
        return lost_reason(view, X)


async def whole_again(region: Region, node: NodeId) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while reason(region, node) is not None or Condition.RECOVERING in conditions(region, node):  # noqa: ASYNC110  # nobody is told
            await asyncio.sleep(0)


# The leader stays alive and knows what was acknowledged; the emptied follower still gets everything again.
async def test_an_emptied_follower_is_filled_again() -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        await region.stop(follower)
        region.engines[follower] = MemoryEngine()
        region.start(follower)
        assert "founded before" in (reason(region, follower) or "")
        await whole_again(region, follower)
        await region.eventually(get("x", "0000", consistent=False), follower, Got(body("x", "0000", n=ONE), 10))
        assert isinstance(await region.ask(put("y", n=ONE)), Written)


# Nobody vouches for what is missing while one of the others is away: the replica must wait, over any number of restarts.
async def test_it_stays_lost_over_restarts_while_others_are_missing() -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        leader = await region.leader()
        await region.stop(next(node for node in region.nodes if node not in (leader, follower)))
        for _ in range(3):
            await region.stop(follower)
            region.engines[follower] = MemoryEngine()
            region.start(follower)
            await region.stop(follower)
            driver = region.start(follower)
            replica = driver.replica(X)
            assert replica is not None
            replica.campaign()
            assert conditions(region, follower) >= {Condition.RECOVERING}
            outcome = await region.submit(follower, get("x", "0000", consistent=False))
            assert isinstance(outcome, Failed)
            assert outcome.code is ErrorCode.NOT_READY


# In a group of two the other one has everything, and nobody could lead if the emptied one withheld its vote.
async def test_the_other_of_two_still_leads() -> None:
    async with Region(table(), nodes=2) as region:
        follower = await follower_of(region)
        await region.stop(follower)
        region.engines[follower] = MemoryEngine()
        region.start(follower)
        await whole_again(region, follower)
        assert await region.ask(get("x", "0000")) == Got(body("x", "0000", n=ONE), 10)


# A replica that is told so begins anew in the running process: no restart, and no read of what it had.
@pytest.mark.parametrize("leads", [False, True])
async def test_a_running_replica_begins_anew(leads: bool) -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        node = await region.leader() if leads else follower
        losing = asyncio.ensure_future(region.network.drivers[node].lose(X, "because"))
        await asyncio.sleep(0)
        assert conditions(region, node) == {Condition.RECOVERING}
        outcome = await region.submit(node, get("x", "0000", consistent=False))
        assert isinstance(outcome, Failed)
        await region.network.drivers[node].lose(X, "twice")
        await losing
        assert reason(region, node) == "because"
        await whole_again(region, node)
        await region.eventually(get("x", "0000", consistent=False), node, Got(body("x", "0000", n=ONE), 10))


# A crash after the mark and before anything is cleared: what is left must not be taken for a log.
async def test_what_a_crash_left_behind_the_mark_is_cleared() -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        await region.stop(follower)
        batch = WriteBatch()
        lose_to(batch, X, "because")
        region.engines[follower].write(batch.apply)
        with region.engines[follower].snapshot() as view:
            assert next(view.scan(Space.LOG, b"", None), None) is not None
        region.start(follower)
        with region.engines[follower].snapshot() as view:
            assert next(view.scan(Space.ITEMS, b"", None), None) is None
        await whole_again(region, follower)


# An older copy of a log, put back: the leader counts on entries that are gone, and the follower must not argue with it.
async def test_an_older_copy_begins_anew() -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        await region.stop(follower)
        copy = MemoryEngine()
        with region.engines[follower].snapshot() as view, copy.transaction() as transaction:
            for space in Space:
                for key, value in view.scan(space, b"", None):
                    transaction.put(space, key, value)
        region.start(follower)
        assert isinstance(await region.ask(put("x", "0001", n=ONE)), Written)
        await region.eventually(get("x", "0001", consistent=False), follower, Got(body("x", "0001", n=ONE), 10))
        await region.stop(follower)
        region.engines[follower] = copy
        region.start(follower)
        await region.eventually(get("x", "0001", consistent=False), follower, Got(body("x", "0001", n=ONE), 10))
        await whole_again(region, follower)
        assert not region.fatal


# A replica that rejects whatever its leader sends is not well, and operators must see that.
async def test_a_replica_that_cannot_follow_says_so() -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        replica = region.network.drivers[follower].replica(X)
        assert replica is not None
        region.network.isolate(follower)
        status = replica.status()
        sender, recipient = ReplicaId(replica.core.consensus.leader), replica.core.consensus.id
        for _ in range(REJECTIONS_MAX):
            replica.deliver(Message(MessageKind.APPEND, sender, recipient, Term(status.term), Term(1), Index(9_999)))
        assert Condition.CANNOT_FOLLOW in conditions(region, follower)


# The only replica of its group has nobody to get anything back from: it keeps what it has.
async def test_the_only_replica_stays_as_it_is() -> None:
    async with Region(table(), nodes=1) as region:
        assert isinstance(await region.ask(put("x", "0000", n=ONE)), Written)
        node = await region.leader()
        await region.network.drivers[node].lose(X, "because")
        assert await region.ask(get("x", "0000")) == Got(body("x", "0000", n=ONE), 10)


class NotedLives:
    """Satisfy `node.partition.parts.Lives`: put a row where the test finds it."""

    def begin_to(self, batch: WriteBatch) -> None:
        batch.put(Space.NODE, b"life", b"next")


# What the replica has said may be on its way still: it is from another life once the mark is durable, in one transaction.
async def test_a_loss_begins_a_new_life() -> None:
    async with Region(table()) as region:
        follower = await follower_of(region)
        replicas = region.catalog.view.placements[X].replicas
        elsewhere = Placement(PartitionId(9), 0, 0, 1, replicas)
        losing = Losing(region.writers[follower], NotedLives(), [elsewhere], "because")
        await losing.carry_out()
        with region.engines[follower].snapshot() as view:
            assert view.get(Space.NODE, b"life") == b"next"
            assert lost_reason(view, PartitionId(9)) == "because"


# What two of three had acknowledged: one of them loses its log and is restarted while it catches up, the other one dies, and the
# third, which was away, comes back. Its log is older, so only a forgotten promise could make it lead.
async def test_what_was_acknowledged_without_a_third_is_not_voted_away() -> None:
    async with Region(table()) as region:
        wiped = await follower_of(region)
        leader = await region.leader()
        away = next(node for node in region.nodes if node not in (leader, wiped))
        await region.stop(away)
        assert isinstance(await region.ask(put("x", "0001", n=ONE)), Written)
        replica = region.network.drivers[leader].replica(X)
        assert replica is not None
        term, sender = Term(replica.status().term), ReplicaId(replica.status().replica)
        recipient = ReplicaId(region.network.drivers[wiped].status()[0].replica)
        await region.stop(wiped)
        region.engines[wiped] = MemoryEngine()
        region.network.isolate(wiped)
        driver = region.start(wiped)
        # All that reaches it is one heartbeat: its log is still empty when it dies, and its term is not.
        driver.deliver(X, Message(MessageKind.HEARTBEAT, sender, recipient, term))
        async with asyncio.timeout(SECONDS_MAX):
            while open_log(region.engines[wiped], X).hard_state.term < term:  # noqa: ASYNC110  # nobody is told
                await asyncio.sleep(0)
        await region.stop(wiped)
        await region.stop(leader)
        region.network.heal()
        for node in (wiped, away):
            region.start(node)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100 * TICK_MS / 1_000):
                await region.leader()
        region.start(leader)
        assert await region.ask(get("x", "0001")) == Got(body("x", "0001", n=ONE), 10)
