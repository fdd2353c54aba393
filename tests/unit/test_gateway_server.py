"""The gateway over a real loopback connection: node's client on one side, a fake store behind the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from node.replication.cursors import BatchId
from node.replication.gateways import BatchAnswer, LinkBrokenError, OutgoingBatch
from node.rpc.gateway_client import GrpcGateways
from router.gateway.client import GatewayClient
from router.gateway.receiver import Receiver
from router.gateway.server import STREAM_BATCHES_MAX, GatewayServer
from router.operations.regions import RegionUnreachableError
from tests.support.clock import ManualClock
from tests.support.replication_store import FakeStore, change_of, table_spec
from tests.support.slow_wire import SLOW_SECONDS, slow_wire
from wire.catalog import PartitionId
from wire.catalog_changes import CheckReplica, ForgetReplica
from wire.commands import Change, Command, Outcome
from wire.errors import ErrorCode, StoreError
from wire.members import Member
from wire.tables import TableSpec

SECONDS_MAX = 60.0


@asynccontextmanager
async def serving(store: FakeStore) -> AsyncIterator[tuple[GatewayServer, GrpcGateways]]:
    server = GatewayServer(Receiver(store, ManualClock(), timeout_ms=30_000), "127.0.0.1:0", "region-a")
    await server.start()
    try:
        yield server, GrpcGateways("region-b", {"region-a": f"127.0.0.1:{server.port}"})
    finally:
        await server.stop()


def batch_of(number: int, *changes: Change, table: str = "orders", global_table_id: str = "global-1") -> OutgoingBatch:
    return OutgoingBatch(BatchId(number), 5, table, global_table_id, changes)


async def answers_to(gateways: GrpcGateways, *batches: OutgoingBatch) -> dict[int, BatchAnswer]:
    answers: dict[int, BatchAnswer] = {}
    async with asyncio.timeout(SECONDS_MAX), gateways.connect("region-a") as connection:
        for batch in batches:
            await connection.send(batch)
        async for answer in connection.answers():
            answers[answer.id] = answer
            if len(answers) == len(batches):
                break
    return answers


# The heart of the gateway: every change reaches the partition that holds its key (the fake store checks), and the answer counts them.
async def test_gateway_spreads_a_batch_over_partitions() -> None:
    store = FakeStore(table_spec())
    changes = [change_of(f"key{number}") for number in range(50)]
    async with serving(store) as (_, gateways):
        answers = await answers_to(gateways, batch_of(1, *changes))
    assert answers[1] == BatchAnswer(BatchId(1), 50, 0, "", "")
    assert len(store.merged) == 4
    assert {merge.source for merges in store.merged.values() for merge in merges} == {"region-b"}


class _StuckStore(FakeStore):
    """A store in which merges stop until they are let go on; counts how many have."""

    def __init__(self, *tables: TableSpec) -> None:
        super().__init__(*tables)
        self.under_way = self.most = 0
        self.changed = asyncio.Event()
        self.going_on = asyncio.Event()

    async def execute_on(self, partition: PartitionId, command: Command, *, deadline: float) -> Outcome:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.changed.set()
        try:
            await self.going_on.wait()
            return await super().execute_on(partition, command, deadline=deadline)
        finally:
            self.under_way -= 1


# However many batches another region sends, so many are under way; the rest wait on the wire, and all are merged in the end.
async def test_gateway_bounds_the_batches_under_way() -> None:
    store = _StuckStore(table_spec())
    batches = [batch_of(number, change_of(f"key{number}")) for number in range(3 * STREAM_BATCHES_MAX)]
    async with serving(store) as (_, gateways), asyncio.timeout(SECONDS_MAX):
        answers = asyncio.create_task(answers_to(gateways, *batches))
        while store.under_way < STREAM_BATCHES_MAX:
            store.changed.clear()
            await store.changed.wait()
        store.changed.clear()
        with pytest.raises(TimeoutError):  # there is time for one more, if there were one
            await asyncio.wait_for(store.changed.wait(), 0.3)
        store.going_on.set()
        assert len(await answers) == len(batches)
    assert store.most == STREAM_BATCHES_MAX


# Shippers send what may have arrived before: repeating is neither an error nor a conflict.
async def test_gateway_takes_a_repeated_batch() -> None:
    async with serving(FakeStore(table_spec())) as (_, gateways):
        answers = await answers_to(gateways, batch_of(1, change_of("k", time=5)))
        again = await answers_to(gateways, batch_of(2, change_of("k", time=5)), batch_of(3, change_of("k", time=4)))
    assert (answers[1].applied, again[2].applied, again[2].superseded, again[3].superseded) == (1, 0, 0, 1)


# A tombstone goes when its writer's region says so, that version and no other; an item never does.
async def test_gateway_forgets_tombstones() -> None:
    store = FakeStore(table_spec())
    gone, newer, live = change_of("gone", 5, body=b""), change_of("newer", 6, body=b""), change_of("live", 5)
    async with serving(store) as (_, gateways):
        await answers_to(gateways, batch_of(1, gone, newer, live))
        forgotten = batch_of(2, gone, change_of("newer", 5, body=b""), live)._replace(forgets=True)
        answers = await answers_to(gateways, forgotten)
    assert answers[2] == BatchAnswer(BatchId(2), 1, 0, "", "")
    assert set(store.items.values()) == {newer, live}


# A catalog that has not heard of the table, of this global table, or of the sender must not take changes, and must say so.
@pytest.mark.parametrize(
    "batch",
    [
        batch_of(1, change_of("k"), table="unknown"),
        batch_of(1, change_of("k"), global_table_id="another"),
    ],
    ids=["table", "global table"],
)
async def test_gateway_refuses_a_table_it_does_not_share(batch: OutgoingBatch) -> None:
    store = FakeStore(table_spec())
    async with serving(store) as (_, gateways):
        answers = await answers_to(gateways, batch)
    assert answers[1].code == ErrorCode.RESOURCE_NOT_FOUND
    assert not store.merged


# What a region sends after it has left would reach some members only: nobody forwards it, so nobody may take it.
async def test_gateway_refuses_a_source_that_is_no_member() -> None:
    store = FakeStore(table_spec())
    async with serving(store) as (server, _):
        gateways = GrpcGateways("region-c", {"region-a": f"127.0.0.1:{server.port}"})
        answers = await answers_to(gateways, batch_of(1, change_of("k")))
    assert answers[1].code == ErrorCode.RESOURCE_NOT_FOUND


# A gateway's address may have become another region's: to take its changes would count them as arrived where they never were.
async def test_gateway_takes_nothing_that_is_meant_for_another_region() -> None:
    store = FakeStore(table_spec())
    async with serving(store) as (server, _):
        gateways = GrpcGateways("region-b", {"region-d": f"127.0.0.1:{server.port}"})
        async with asyncio.timeout(10), gateways.connect("region-d") as connection:
            with pytest.raises(LinkBrokenError, match="this is region-a, not region-d"):
                await anext(connection.answers())
        with pytest.raises(LinkBrokenError, match="this is region-a, not region-d"):
            await gateways.control(
                "region-d",
                ForgetReplica(name="orders", global_table_id="global-1", region="region-b", is_gone=True, now_ms=1),
                timeout_seconds=5,
            )
    assert not store.merged


# What a region sent before it was removed is refused, also when it is a member again: only the present membership counts.
@pytest.mark.parametrize(("joined_ms", "is_taken"), [(0, False), (5, False), (7, False), (9, True)])
async def test_gateway_takes_changes_of_present_memberships_only(joined_ms: int, is_taken: bool) -> None:
    member = Member("region-b", joined_ms=9, joined_by="region-a", opened_ms=9, left_ms=7)
    store = FakeStore(replace(table_spec(), members=(member,)))
    async with serving(store) as (_, gateways):
        answers = await answers_to(gateways, batch_of(1, change_of("k"))._replace(joined_ms=joined_ms))
    assert (answers[1].code, bool(store.merged)) == (("", True) if is_taken else (ErrorCode.RESOURCE_NOT_FOUND, False))


# One partition without a leader fails the batch, with the reason, and leaves the stream and other batches alone.
async def test_gateway_answers_a_failed_batch_and_goes_on() -> None:
    store = FakeStore(table_spec())
    store.failures.append(StoreError(ErrorCode.DEADLINE_EXCEEDED, "no leader"))
    async with (
        serving(store) as (_, gateways),
        asyncio.timeout(SECONDS_MAX),
        gateways.connect("region-a") as connection,
    ):
        await connection.send(batch_of(1, change_of("k")))
        stream = connection.answers()
        failed = await anext(stream)
        await connection.send(batch_of(2, change_of("k")))
        passed = await anext(stream)
    assert (failed.code, failed.message) == (ErrorCode.DEADLINE_EXCEEDED, "no leader")
    assert (passed.id, passed.applied) == (2, 1)


# Membership steps travel beside the changes and come back decided, or with the catalog's own refusal.
async def test_gateway_takes_membership_steps() -> None:
    store = FakeStore()
    step = ForgetReplica(name="orders", global_table_id="global-1", region="region-c", is_gone=True, now_ms=1)
    async with serving(store) as (_, gateways):
        decided = await gateways.control("region-a", step, timeout_seconds=SECONDS_MAX)
        store.failures.append(StoreError(ErrorCode.VALIDATION, "no"))
        with pytest.raises(StoreError, match="no") as refused:
            await gateways.control("region-a", step, timeout_seconds=SECONDS_MAX)
    assert (decided.version, store.changes, refused.value.code) == (7, [step], ErrorCode.VALIDATION)


# A router's question to another region is answered as a step would be; a region that is gone is told from one that refuses.
async def test_a_region_is_asked_by_a_router() -> None:
    store, check = FakeStore(), CheckReplica(name="orders", global_table_id="", is_added=True)
    async with serving(store) as (server, _):
        client = GatewayClient("region-b", {"region-a": f"127.0.0.1:{server.port}"})
        await client.ask("region-a", check, timeout_seconds=SECONDS_MAX)
        store.failures.append(StoreError(ErrorCode.VALIDATION, "no"))
        with pytest.raises(StoreError, match="no") as refused:
            await client.ask("region-a", check, timeout_seconds=SECONDS_MAX)
    assert (store.changes, refused.value.code, tuple(client.names)) == ([check], ErrorCode.VALIDATION, ("region-a",))
    with pytest.raises(RegionUnreachableError, match="does not answer"):
        await client.ask("region-a", check, timeout_seconds=0.2)


# Between far regions it takes most of a second to connect.
async def test_a_gateway_is_reached_over_a_slow_wire() -> None:
    step = ForgetReplica(name="orders", global_table_id="global-1", region="region-c", is_gone=True, now_ms=1)
    async with serving(FakeStore()) as (server, _), slow_wire(server.port, SLOW_SECONDS) as port:
        gateways = GrpcGateways("region-b", {"region-a": f"127.0.0.1:{port}"})
        assert (await gateways.control("region-a", step, timeout_seconds=SECONDS_MAX)).version == 7


# A gateway that stops must be noticed by its clients at once, as a broken link and nothing else.
async def test_a_stopped_gateway_breaks_the_link() -> None:
    async with serving(FakeStore(table_spec())) as (server, gateways), asyncio.timeout(SECONDS_MAX):
        with pytest.raises(LinkBrokenError):  # noqa: PT012  # the stop comes while answers are awaited
            async with gateways.connect("region-a") as connection:
                await connection.send(batch_of(1, change_of("k")))
                async for _ in connection.answers():
                    await server.stop()
                raise LinkBrokenError("the stream just ended")
