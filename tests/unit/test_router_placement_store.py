"""Commands reach the right replica, and are sent again exactly when that is safe."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from router.operations.store import Store
from router.placement.retries import PAGE_OVERLOADS_MAX
from router.placement.routes import READS_IN_A_ROW
from router.placement.store import FULL_SECONDS_MAX, RegionStore
from tests.support.rpc_catalog import HERE, create
from tests.support.rpc_channels import FakeRegion
from wire.catalog import CATALOG_PARTITION, CatalogView, Delta, PartitionId
from wire.catalog_changes import Decided
from wire.clock import SystemClock
from wire.cluster import Home
from wire.commands import (
    CatalogDecided,
    Command,
    ConditionFailed,
    Failed,
    Get,
    Got,
    Merge,
    NotLeader,
    Outcome,
    Range,
    ReadChanges,
    Write,
    WriteKind,
    Written,
)
from wire.errors import ErrorCode, StoreError
from wire.keys import ItemKey

KEY = ItemKey(b"k")
STRONG, EVENTUAL = Get(1, KEY, consistent=True), Get(1, KEY, consistent=False)
WRITE = Write(WriteKind.PUT, 1, KEY, body=b"{}", size=1)
GOT, WRITTEN = Got(b"{}", 1), Written(b"", 0, 1)
FAR = 1e12
FULL = Failed(ErrorCode.STORAGE_FULL, "full")
LOST = Failed(ErrorCode.UNKNOWN_OUTCOME, "lost")
UNANSWERED = Failed(ErrorCode.UNANSWERED, "silent")
DAMAGED = Failed(ErrorCode.DAMAGED, "its checksum does not match its bytes")
P1 = PartitionId(1)


@pytest.fixture
def region() -> FakeRegion:
    return FakeRegion()


@pytest.fixture
async def store(region: FakeRegion) -> AsyncIterator[RegionStore]:
    store = RegionStore(
        home=Home(HERE, "123456789012"),
        nodes=[entry.spec() for entry in region.entry.nodes],
        connect=lambda node: region.channels[node.id],
        clock=SystemClock(),
        randomness=random.Random(1),
    )
    await store.start()
    await store.wait_ready()
    yield store
    await store.stop()


def led_by(region: FakeRegion, leader: str, outcome: Outcome, hint: bool = True) -> None:
    """Let one node answer and the others point to it."""
    region.answer_all(lambda partition, command: NotLeader(leader if hint else ""))
    region.channels[leader].answer = lambda partition, command: outcome  # type: ignore[index]


def once(first: Outcome, then: Outcome) -> "object":
    answers = iter([first])
    return lambda partition, command: next(answers, then)


# The seam that operations are written against; a signature that drifts would only show in a running router.
async def test_it_is_a_store(store: RegionStore) -> None:
    seam: Store = store
    assert (seam.region, seam.view.version) == (HERE, 1)


# A token decides the partition, and a strong read goes to whoever leads it.
async def test_a_command_finds_its_partition_and_leader(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: GOT)
    for placement in store.partitions(0, 1 << 64):
        assert await store.execute(placement.lower, STRONG, deadline=FAR) == GOT
        assert region.channels[placement.nodes()[0]].asked[-1] == (placement.partition, STRONG)


# Guessing wrong costs one hop, once.
async def test_a_hint_is_followed_and_remembered(store: RegionStore, region: FakeRegion) -> None:
    leader = store.view.placements[P1].nodes()[2]
    led_by(region, leader, WRITTEN)
    for _ in range(2):
        assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN
    assert len(region.asked()) == 3
    assert len(region.channels[leader].asked) == 2


# During an election nobody knows: every replica is asked in turn.
async def test_without_a_hint_the_others_are_asked(store: RegionStore, region: FakeRegion) -> None:
    leader = store.view.placements[P1].nodes()[2]
    led_by(region, leader, WRITTEN, hint=False)
    assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN


# A leader with too much to do still leads: the others would only send everybody back to it.
async def test_an_overloaded_leader_is_not_turned_away(store: RegionStore, region: FakeRegion) -> None:
    led_by(region, leader := store.view.placements[P1].nodes()[0], WRITTEN)
    region.channels[leader].answer = once(Failed(ErrorCode.OVERLOADED, "full"), WRITTEN)  # type: ignore[assignment]
    assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN
    assert [len(region.channels[node].asked) for node in store.view.placements[P1].nodes()] == [2, 0, 0]


# Reads that may be a little old do not load the leader only.
async def test_eventual_reads_are_spread(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: GOT)
    for _ in range(3 * READS_IN_A_ROW // 2):
        await store.execute_on(P1, EVENTUAL, deadline=FAR)
        await store.execute_on(P1, Range(1), deadline=FAR)
    asked = {node: len(channel.asked) for node, channel in region.channels.items()}
    assert asked == dict.fromkeys(region.channels, READS_IN_A_ROW)


# Whoever wrote and reads again, without asking for consistency, mostly sees it on AWS too; followers learn of it a little later.
async def test_a_read_after_a_write_goes_to_the_leader(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: WRITTEN)
    await store.execute_on(P1, WRITE, deadline=FAR)
    region.answer_all(lambda partition, command: GOT)
    for _ in range(3):
        await store.execute_on(P1, EVENTUAL, deadline=FAR)
    assert len(region.channels[store.view.placements[P1].nodes()[0]].asked) == 4


# The leader is gone: a read that needs none is answered by any other replica.
async def test_eventual_reads_survive_the_leader(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: WRITTEN)
    await store.execute_on(P1, WRITE, deadline=FAR)
    region.answer_all(lambda partition, command: GOT)
    leader = store.view.placements[P1].nodes()[0]
    region.channels[leader].answer = lambda partition, command: Failed(ErrorCode.NOT_READY, "gone")
    assert await store.execute_on(P1, EVENTUAL, deadline=FAR) == GOT


# A disk has lied: a read that needs no leader is answered by a replica with whole bytes, and the leader stays believed in.
async def test_eventual_reads_pass_over_damage(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: WRITTEN)
    await store.execute_on(P1, WRITE, deadline=FAR)
    region.answer_all(lambda partition, command: GOT)
    leader = store.view.placements[P1].nodes()[0]
    region.channels[leader].answer = lambda partition, command: DAMAGED
    assert await store.execute_on(P1, EVENTUAL, deadline=FAR) == GOT
    region.channels[leader].answer = lambda partition, command: WRITTEN
    asked = len(region.channels[leader].asked)
    await store.execute_on(P1, WRITE, deadline=FAR)
    assert len(region.channels[leader].asked) == asked + 1


# What is damaged wherever it is looked for is told, and so is what only the leader may answer.
@pytest.mark.parametrize(("command", "asked"), [(EVENTUAL, 3), (STRONG, 1)])
async def test_damage_everywhere_is_told(store: RegionStore, region: FakeRegion, command: Command, asked: int) -> None:
    region.answer_all(lambda partition, command: DAMAGED)
    with pytest.raises(StoreError, match="checksum"):
        await store.execute_on(P1, command, deadline=FAR)
    assert len(region.asked()) == asked


# A promise that nothing was applied makes any command safe to send again.
@pytest.mark.parametrize(
    "code", [ErrorCode.OVERLOADED, ErrorCode.NOT_READY, ErrorCode.NOT_LEADER, ErrorCode.STALE_EPOCH]
)
async def test_what_was_not_applied_is_sent_again(store: RegionStore, region: FakeRegion, code: ErrorCode) -> None:
    region.answer_all(once(Failed(code, "not now"), WRITTEN))  # type: ignore[arg-type]
    assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN


# A write whose fate is unknown may have been applied: sending it again could apply it twice.
async def test_a_lost_write_is_not_sent_again(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: LOST)
    with pytest.raises(StoreError) as caught:
        await store.execute_on(P1, WRITE, deadline=FAR)
    assert caught.value.code is ErrorCode.UNKNOWN_OUTCOME
    assert len(region.asked()) == 1


# Reads and merges come to the same whether done once or twice.
@pytest.mark.parametrize("command", [STRONG, EVENTUAL, Range(1, consistent=True), Merge(1, "r", ())])
async def test_a_lost_read_or_merge_is_sent_again(store: RegionStore, region: FakeRegion, command: Command) -> None:
    region.answer_all(once(LOST, GOT))  # type: ignore[arg-type]
    assert await store.execute_on(P1, command, deadline=FAR) == GOT


# Whatever kept a node silent may have been this page: it must not silence the next one. The client may ask again, later.
@pytest.mark.parametrize("is_strong", [True, False])
@pytest.mark.parametrize("page", [Range(1), ReadChanges(1, 0, 0, 10, 100)])
async def test_a_page_that_silenced_a_node_is_not_tried_on_its_peers(
    store: RegionStore, region: FakeRegion, page: Command, is_strong: bool
) -> None:
    command = page._replace(consistent=is_strong) if isinstance(page, Range) else page
    region.answer_all(lambda partition, command: UNANSWERED)
    with pytest.raises(StoreError) as caught:
        await store.execute_on(P1, command, deadline=FAR)
    assert caught.value.code is ErrorCode.UNANSWERED
    assert len(region.asked()) == 1


# A node whose connection breaks is dead, and others can answer; when the next one dies of the same page, it was the page.
async def test_a_page_does_not_end_node_after_node(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: LOST)
    with pytest.raises(StoreError):
        await store.execute_on(P1, Range(1, consistent=True), deadline=FAR)
    assert len(region.asked()) == 2


# What costs a node nothing is asked of the next one as soon as one says nothing: a dead leader has to be followed in good time.
@pytest.mark.parametrize("command", [STRONG, EVENTUAL, Merge(1, "r", ())])
async def test_cheap_requests_go_on_to_the_next_node(store: RegionStore, region: FakeRegion, command: Command) -> None:
    region.answer_all(once(UNANSWERED, GOT))  # type: ignore[arg-type]
    assert await store.execute_on(P1, command, deadline=FAR) == GOT
    assert len({node for node, channel in region.channels.items() if channel.asked}) == 2


# A region with more pages than it can read is asked again after a pause, a few times: trying without end only keeps it that way.
@pytest.mark.parametrize("is_strong", [True, False])
async def test_a_page_is_not_pressed_on_an_overloaded_region(
    store: RegionStore, region: FakeRegion, is_strong: bool
) -> None:
    region.answer_all(lambda partition, command: Failed(ErrorCode.OVERLOADED, "too many pages"))
    with pytest.raises(StoreError) as caught:
        await store.execute_on(P1, Range(1, consistent=is_strong), deadline=FAR)
    assert caught.value.code is ErrorCode.OVERLOADED
    assert len(region.asked()) == PAGE_OVERLOADS_MAX + 1
    assert sum(bool(channel.asked) for channel in region.channels.values()) == 1


# A refusal is an answer; so is a condition that does not hold.
async def test_answers_are_not_sent_again(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: ConditionFailed(b"", 0))
    assert await store.execute_on(P1, WRITE, deadline=FAR) == ConditionFailed(b"", 0)
    for code in (ErrorCode.VALIDATION, ErrorCode.RESOURCE_NOT_FOUND):
        region.answer_all(lambda partition, command, code=code: Failed(code, "no"))  # type: ignore[misc]
        with pytest.raises(StoreError, match="no") as caught:
            await store.execute_on(P1, WRITE, deadline=FAR)
        assert caught.value.code is code
    assert len(region.asked()) == 3


# One disk is full: whoever leads by now takes the write. Once all have had their time the client hears that there is no space.
async def test_a_full_disk_is_another_leaders_chance(store: RegionStore, region: FakeRegion) -> None:
    first, second, _ = store.view.placements[P1].nodes()
    led_by(region, second, WRITTEN)
    region.channels[first].answer = lambda partition, command: FULL
    assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN
    led_by(region, second, FULL)
    began, asked = SystemClock().monotonic(), len(region.asked())
    with pytest.raises(StoreError) as caught:
        await store.execute_on(P1, WRITE, deadline=FAR)
    assert caught.value.code is ErrorCode.STORAGE_FULL
    assert SystemClock().monotonic() - began >= FULL_SECONDS_MAX
    assert len(region.asked()) - asked < 40


# A leader that this router cannot reach leads on: the others pass requests on to it, and the direct way is taken when it works.
async def test_a_silent_leader_is_reached_through_the_others(store: RegionStore, region: FakeRegion) -> None:
    leader, *others = store.view.placements[P1].nodes()
    region.answer_all(lambda partition, command: WRITTEN)
    region.channels[leader].is_sound = False
    for _ in range(4):
        assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN
    assert region.channels[leader].asked == []
    assert [region.channels[node].forwarded for node in others] == [[leader] * 2, [leader] * 2]
    region.channels[leader].is_sound = True
    await store.execute_on(P1, WRITE, deadline=FAR)
    assert (len(region.channels[leader].asked), region.channels[leader].forwarded) == (1, [])


# Whoever passes on knows better who leads: from then on that one is asked itself.
async def test_the_way_round_leads_to_a_new_leader(store: RegionStore, region: FakeRegion) -> None:
    former, second, leader = store.view.placements[P1].nodes()
    region.channels[former].is_sound = False
    region.channels[second].answer = lambda partition, command: NotLeader(leader)
    region.channels[leader].answer = lambda partition, command: WRITTEN
    for _ in range(3):
        assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN
    assert len(region.channels[second].asked) <= 1
    assert region.channels[leader].forwarded in ([], [former])


# Cut off from all nodes there is no way round: the believed leader is asked as ever, which is what connects again.
async def test_without_a_sound_node_the_leader_itself_is_asked(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: WRITTEN)
    for channel in region.channels.values():
        channel.is_sound = False
    assert await store.execute_on(P1, WRITE, deadline=FAR) == WRITTEN
    assert region.asked() == [store.view.placements[P1].nodes()[0]]


# Whether a leader got a write that was passed on is as unknown as with any other: it must not be sent again.
async def test_a_write_lost_on_the_way_round_is_not_sent_again(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: LOST)
    region.channels[store.view.placements[P1].nodes()[0]].is_sound = False
    with pytest.raises(StoreError) as caught:
        await store.execute_on(P1, WRITE, deadline=FAR)
    assert caught.value.code is ErrorCode.UNKNOWN_OUTCOME
    assert len(region.asked()) == 1


# A partition without a leader must not hold a client longer than it is willing to wait.
async def test_trying_ends_with_the_deadline(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: NotLeader(""))
    with pytest.raises(StoreError) as caught:
        await store.execute_on(P1, WRITE, deadline=SystemClock().monotonic() + 0.05)
    assert caught.value.code is ErrorCode.NOT_LEADER
    assert len(region.asked()) < 50


# Two nodes that name each other as leader must not be asked in a spin.
async def test_nodes_that_name_each_other_are_asked_slowly(store: RegionStore, region: FakeRegion) -> None:
    first, second, _ = store.view.placements[P1].nodes()
    region.answer_all(lambda partition, command: NotLeader(first))
    region.channels[first].answer = lambda partition, command: NotLeader(second)
    with pytest.raises(StoreError):
        await store.execute_on(P1, WRITE, deadline=SystemClock().monotonic() + 0.05)
    assert len(region.asked()) < 20


# Whoever creates a table through this router finds it there right after.
async def test_a_change_returns_when_the_view_has_it(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: CatalogDecided(Decided(2).encode()))
    changing = asyncio.ensure_future(store.change(create("t"), deadline=FAR))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not changing.done()
    region.publish(Delta(2, {}))
    assert (await changing).version == 2
    assert store.view.version == 2
    assert [partition for channel in region.channels.values() for partition, _ in channel.asked] == [CATALOG_PARTITION]


# The ring follows the catalog; a token without a home is refused, not sent anywhere.
async def test_a_stale_ring_is_replaced(store: RegionStore, region: FakeRegion) -> None:
    region.publish(Delta(2, {"placement/2": None}))
    await store._cache.wait_beyond(1, 60)
    assert [placement.partition for placement in store.partitions(0, 1 << 64)] == [1, 3]
    with pytest.raises(StoreError, match="no partition is known"):
        await store.execute(1 << 63, STRONG, deadline=FAR)


# The node that is watched has fallen behind, but lives: a change decided elsewhere is heard of from another node.
async def test_a_node_that_is_behind_is_not_watched_for_ever(store: RegionStore, region: FakeRegion) -> None:
    region.answer_all(lambda partition, command: CatalogDecided(Decided(2).encode()))
    watched, *others = region.channels.values()
    for other in others:
        other.deltas.put_nowait(Delta(2, {}))
    deadline = SystemClock().monotonic() + 20
    assert (await store.change(create("t"), deadline=deadline)).version == 2
    assert watched.deltas.empty()


# A delta was lost on the way: going on without it would leave a wrong ring for good, so everything is asked for again. What came after the
# gap must not be seen by anybody, not even for the moment until then.
async def test_a_gap_in_the_catalog_is_not_believed(store: RegionStore, region: FakeRegion) -> None:
    seen: list[int] = []
    believe = store._cache._on_change

    def noted(view: CatalogView) -> None:
        seen.append(view.version)
        believe(view)

    store._cache._on_change = noted
    region.publish(Delta(3, {"placement/1": None}))
    region.publish(Delta(4, region.founding.rows, full=True))
    await store._cache.wait_beyond(3, 20)
    assert 3 not in seen
    assert P1 in store.view.placements
