"""Drivers at work: snapshots, handing over, full disks, and what the rooms above are told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from node.consensus.types import Message, MessageKind, ReplicaId
from node.partition import node_driver
from node.partition.node_driver import RESERVE_BYTES
from node.partition.settings import NodeSettings, PartitionConfig
from node.partition.transport import SnapshotRefusedError
from node.storage.engine import EngineUsage
from node.storage.memory_engine import MemoryEngine
from node.storage.snapshots import Chunk, encode_chunk
from node.streams.retention import TRIM_ROWS_MAX
from tests.support.partition_items import body, delete, get, key, put, query, table
from tests.support.partition_region import SECONDS_MAX, SETTINGS, TICK_MS, Region
from wire.catalog import NodeId, PartitionId
from wire.commands import Command, Failed, Got, Outcome, Page, Position, ReadChanges, Written
from wire.conditions import Condition
from wire.errors import ErrorCode
from wire.keys import key_hash

ONE = {"N": "1"}
SHORT_LOG = NodeSettings(tick_ms=TICK_MS, log_entries_kept=8)
X = PartitionId(1)


async def fill(region: Region, count: int, **attributes: object) -> None:
    """Write items one entry each."""
    for number in range(count):
        assert isinstance(await region.ask(put("x", f"{number:04}", **attributes)), Written)


async def lagging(region: Region) -> NodeId:
    """Return a follower that was away while the log moved on beyond it."""
    leader = await region.leader()
    follower = next(node for node in region.nodes if node != leader)
    await region.stop(follower)
    await fill(region, 60, n=ONE)
    return follower


# A node that was away longer than the log reaches back gets the whole state instead.
async def test_a_follower_behind_the_log_gets_a_snapshot() -> None:
    async with Region(table(streams=True), settings=SHORT_LOG) as region:
        follower = await lagging(region)
        region.start(follower)
        await region.eventually(get("x", "0059", consistent=False), follower, Got(body("x", "0059", n=ONE), 10))
        assert region.network.snapshots_sent >= 1
        replica = region.network.drivers[follower].replica(X)
        assert replica is not None
        assert replica.read_changes(ReadChanges(1, 7, 0, 100, 1 << 20)).latest == 60


# Chunks that stop before the last one are half a state, however properly the stream ended.
async def test_a_snapshot_without_its_last_chunk_is_refused() -> None:
    async with Region(table(), settings=SHORT_LOG) as region:
        follower = await lagging(region)
        source = region.network.drivers[await region.leader()].replica(X)
        assert source is not None
        place = source.core.consensus.replica.log.readable_snapshot()
        driver = region.start(follower)
        # Until it hears of more itself, it takes what looks like a snapshot of everything.
        region.network.isolate(follower)
        consensus = source.core.consensus
        message = Message(MessageKind.SNAPSHOT, consensus.id, ReplicaId(0), consensus.term, snapshot=place)
        replica = driver.replica(X)
        assert replica is not None
        message = replace(message, recipient=replica.core.consensus.id)
        with pytest.raises(SnapshotRefusedError, match="before its last chunk"):
            await driver.install_snapshot(X, message, chunk_without_an_end())
        assert is_installing(region, follower)


async def chunk_without_an_end() -> AsyncIterator[bytes]:
    yield encode_chunk(Chunk((), False))


# A stream that breaks in the middle leaves half a state: it must not be served, neither then nor after a restart.
async def test_a_broken_snapshot_is_never_served() -> None:
    async with Region(table(), settings=SHORT_LOG) as region:
        follower = await lagging(region)
        region.network.snapshot_chunks_max = 0
        region.start(follower)
        async with asyncio.timeout(SECONDS_MAX):
            while not is_installing(region, follower):  # noqa: ASYNC110  # nobody is told of an installation
                await asyncio.sleep(0)
        await region.stop(follower)
        region.start(follower)
        outcome = await region.ask(get("x", "0000", consistent=False), follower)
        assert isinstance(outcome, Failed)
        assert outcome.code == ErrorCode.NOT_READY
        region.network.snapshot_chunks_max = None
        await region.eventually(get("x", "0059", consistent=False), follower, Got(body("x", "0059", n=ONE), 10))


def is_installing(region: Region, node: NodeId) -> bool:
    return Condition.INSTALLING in conditions(region, node)


def conditions(region: Region, node: NodeId) -> frozenset[Condition]:
    return region.network.drivers[node].status()[0].conditions


# A node that is told to stop hands everything over first, and nobody who writes meanwhile is refused for good.
async def test_leadership_is_handed_over() -> None:
    async with Region(table(), partitions=3) as region:
        for partition in (1, 2, 3):
            await region.leader(partition)
        node = await region.leader(1)
        assert await region.network.drivers[node].hand_over(SECONDS_MAX) == 0
        for partition in (1, 2, 3):
            assert await region.leader(partition, but=[node]) != node


# Leaders spread over the nodes because each partition prefers another one.
async def test_leaders_move_to_the_preferred_replicas() -> None:
    async with Region(table(), partitions=3) as region:
        async with asyncio.timeout(SECONDS_MAX):
            for number, node in enumerate(region.nodes, 1):
                others = [other for other in region.nodes if other != node]
                assert await region.leader(number, but=others) == node


# Long before the disk is full, writes are refused and reads go on; they are taken again when there is space.
async def test_a_disk_that_is_nearly_full_refuses_writes_only() -> None:
    engine = MemoryEngine()
    async with Region(table(), nodes=1, engines={NodeId("n1"): engine}) as region:
        await fill(region, 3, n=ONE)
        engine.bytes_max = engine.usage().used_bytes + RESERVE_BYTES // 2
        assert failure(await until(region, put("z"), Failed)) == ErrorCode.STORAGE_FULL
        assert await region.ask(get("x", "0000")) == Got(body("x", "0000", n=ONE), 10)
        engine.bytes_max = 1 << 40
        assert isinstance(await until(region, put("z"), Written), Written)


# A disk that fills up in the middle of a write: that write waits and is done after all, nothing is lost or done twice.
async def test_a_full_disk_loses_nothing() -> None:
    engine = MemoryEngine()
    async with Region(table(), nodes=1, engines={NodeId("n1"): engine}) as region:
        await fill(region, 3, n=ONE)
        engine.bytes_max = engine.usage().used_bytes + 500
        stuck = region.submit(await region.leader(), put("y", pad={"S": "z" * 1_000}))
        async with asyncio.timeout(SECONDS_MAX):
            while Condition.STORAGE_FULL not in conditions(region, NodeId("n1")):  # noqa: ASYNC110  # as above
                await asyncio.sleep(0)
        assert failure(await region.ask(put("z"))) == ErrorCode.STORAGE_FULL
        assert await region.ask(get("x", "0000", consistent=False)) == Got(body("x", "0000", n=ONE), 10)
        engine.bytes_max = 1 << 40
        assert isinstance(await stuck, Written)
        assert isinstance(await until(region, put("z"), Written), Written)


# One full disk of three stops nothing: leadership goes where there is space before a client is refused, and comes back with it.
async def test_a_leader_with_a_full_disk_hands_over() -> None:
    engines = {NodeId(f"n{number}"): MemoryEngine() for number in (1, 2, 3)}
    async with Region(table(), engines=dict(engines)) as region:
        await fill(region, 3, n=ONE)
        full = await region.leader()
        engines[full].bytes_max = engines[full].usage().used_bytes + RESERVE_BYTES - 1
        assert isinstance(await region.ask(put("z")), Written)
        assert await region.leader(but=[full]) != full
        await fill(region, 20, n=ONE)
        assert {Condition.STORAGE_FULL} == region.network.drivers[full].conditions()
        engines[full].bytes_max = 1 << 40
        async with asyncio.timeout(SECONDS_MAX):
            while await region.leader() != region.nodes[0]:
                await region.ask(put("z"))
        await region.eventually(get("z", consistent=False), full, Got(body("z"), 4))


# A disk that is full from one write to the next leaves no time to hand over: another leads all the same, and nothing is lost.
async def test_a_leader_that_cannot_write_any_more_resigns() -> None:
    engines = {NodeId(f"n{number}"): RoomyMemory() for number in (1, 2, 3)}
    async with Region(table(), engines=dict(engines)) as region:
        await fill(region, 3, n=ONE)
        full = await region.leader()
        engines[full].bytes_max = 0
        stuck = await region.submit(full, put("y", n=ONE))
        assert await region.leader(but=[full]) != full
        assert isinstance(await region.ask(put("z")), Written)
        if isinstance(stuck, Written):
            assert await region.ask(get("y")) == Got(body("y", n=ONE), 7)
        engines[full].bytes_max = 1 << 40
        await region.eventually(get("z", consistent=False), full, Got(body("z"), 4))


# A writer that has failed for good cannot even keep a vote: the node asks the others to lead with its last words.
async def test_a_node_that_gives_up_leaves_its_partitions_to_others() -> None:
    async with Region(table(), partitions=3) as region:
        for partition in (1, 2, 3):
            for name in ("x", "y", "z"):
                await region.ask(put(name), partition=partition)
        failing = await region.leader(1)
        driver = region.network.drivers[failing]
        await region.writers[failing].stop()
        driver.give_up()
        assert not any(replica.is_ready for replica in driver.replicas().values())
        for partition in (1, 2, 3):
            assert await region.leader(partition, but=[failing]) != failing
            assert await region.ask(get("x"), partition=partition) == Got(body("x"), 4)
        assert Condition.STORAGE_FAILING in driver.conditions()


class RoomyMemory(MemoryEngine):
    """Says nothing of its last bytes before they are used up, as a disk that others fill within a moment."""

    def usage(self) -> EngineUsage:
        return EngineUsage(used_bytes=0, map_bytes=0, disk_free_bytes=1 << 40)


async def until(region: Region, command: Command, wanted: type[Outcome]) -> Outcome:
    """Ask again and again until an outcome of this type comes."""
    async with asyncio.timeout(SECONDS_MAX):
        while not isinstance(outcome := await region.ask(command), wanted):  # noqa: ASYNC110  # as above
            # A refusal comes at once; others must have their turn.
            await asyncio.sleep(0)
    return outcome


def failure(outcome: Outcome) -> ErrorCode | None:
    return outcome.code if isinstance(outcome, Failed) else None


# Shippers must see what is there, tombstones included, page by page, and the end.
async def test_records_are_scanned_in_hash_order_with_tombstones() -> None:
    async with Region(table(global_=True)) as region:
        for name in ("a", "b", "c"):
            await region.ask(put(name, n=ONE))
        await region.ask(delete("b"))
        replica = await region.replica()
        assert await replica.applied_barrier()
        found = []
        after: Position | None = None
        while page := replica.scan_records(1, after, 2):
            found += page
            after = page[-1].position
        assert [each.position.hash for each in found] == sorted(key_hash(name) for name in (b"a", b"b", b"c"))
        assert {each.position.key.partition for each in found if each.tombstone} == {b"b"}
        gone = replica.find_record(1, key("b"))
        assert gone is not None
        assert gone.tombstone


# A shipper reads change records in order and goes on from there; a new leader knows the cursor.
async def test_changes_and_cursors_outlive_the_leader() -> None:
    async with Region(table(streams=True)) as region:
        await fill(region, 5, n=ONE)
        replica = await region.replica()
        assert await replica.propose_cursor("ship/eu-west-1/1", b"3")
        first = await region.leader()
        await region.stop(first)
        await region.leader(but=[first])
        replica = await region.replica()
        assert await replica.applied_barrier()
        assert replica.cursor("ship/eu-west-1/1") == b"3"
        page = await region.ask(ReadChanges(1, 7, 3, 10, 1 << 20))
        assert [record.sequence for record in page.records] == [4, 5]  # type: ignore[union-attr]


# A waiting barrier must end when leadership does, or its task would hang.
async def test_a_barrier_ends_with_leadership() -> None:
    async with Region(table()) as region:
        leader = await region.leader()
        replica = await region.replica()
        region.network.isolate(leader)
        write = region.submit(leader, put("x"))
        await asyncio.sleep(0)
        barrier = asyncio.ensure_future(replica.applied_barrier())
        assert await barrier is False
        outcome = await write
        assert isinstance(outcome, Failed)
        assert outcome.code == ErrorCode.UNKNOWN_OUTCOME
        region.network.heal()


# Without leases every strong read asks a quorum, and still answers.
async def test_strong_reads_work_without_leases() -> None:
    settings = replace(SETTINGS, lease_reads=False)
    async with Region(table(), settings=settings) as region:
        await fill(region, 3)
        page = await region.ask(query("x"))
        assert isinstance(page, Page)
        assert page.count == 3


# A node without the partition says where it might be; a stopped one says that it stops.
async def test_absent_partitions_are_not_led_here() -> None:
    async with Region(table()) as region:
        outcome = await region.ask(get("x"), node=region.nodes[0], partition=9)
        assert type(outcome).__name__ == "NotLeader"


# The log must not grow for ever, on any replica.
async def test_logs_are_trimmed() -> None:
    settings = replace(SHORT_LOG, partition=PartitionConfig(turn_requests_max=1))
    async with Region(table(), settings=settings) as region:
        await fill(region, 100)
        async with asyncio.timeout(SECONDS_MAX):
            while any(driver.status()[0].first_index < 80 for driver in region.network.drivers.values()):
                await region.ask(put("x"))


# More may come between two looks than one step of trimming takes: it goes on until nothing old is left.
async def test_trimming_goes_on_until_nothing_old_is_left() -> None:
    # No tick comes that would begin trimming again.
    settings = replace(SETTINGS, stream_retention_seconds=0, tick_ms=1_000 * int(SECONDS_MAX))
    async with Region(table(streams=True), nodes=1, settings=settings) as region:
        steps = 12
        for _ in range(steps):
            await asyncio.gather(*(region.ask(put("x", f"{number:05}")) for number in range(TRIM_ROWS_MAX)))
            await asyncio.gather(*(region.ask(delete("x", f"{number:05}")) for number in range(TRIM_ROWS_MAX)))
        replica = region.network.drivers[region.nodes[0]].replica(X)
        assert replica is not None
        replica.trim_changes()
        async with asyncio.timeout(SECONDS_MAX):
            while replica.read_changes(ReadChanges(1, 7, 0, 10, 1 << 20)).oldest <= steps * TRIM_ROWS_MAX:  # noqa: ASYNC110
                await asyncio.sleep(0)


# Replicas whose turns take all the time there is go on one after another, each in a turn of the loop: none is left out, and none twice.
async def test_replicas_take_turns_when_time_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_driver, "TURNS_SECONDS_MAX", 0.0)
    async with Region(table(), partitions=4) as region:
        writes = [region.ask(put(f"k{number}", f"{number}"), partition=1 + number % 4) for number in range(80)]
        outcomes = await asyncio.gather(*writes)
    assert all(isinstance(outcome, Written) for outcome in outcomes)
