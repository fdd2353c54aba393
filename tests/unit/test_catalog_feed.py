"""Followers of the catalog: each gets what it lacks, however far behind it is."""

import asyncio
import random
from collections.abc import AsyncIterator

from node.catalog.feed import RECENT_DELTAS_MAX, CatalogFeed
from node.catalog.watcher import CatalogWatcher
from wire.catalog import CatalogView, Delta, LinkSpec, encode_row
from wire.errors import ErrorCode, StoreError


def delta(version: int, *, full: bool = False) -> Delta:
    return Delta(version, {f"link/r{version}": encode_row(LinkSpec(f"r{version}"))}, full=full)


def feed_at(version: int) -> CatalogFeed:
    feed = CatalogFeed()
    feed.publish(delta(1, full=True))
    for number in range(2, version + 1):
        feed.publish(delta(number))
    return feed


# A follower that is a little behind gets just the changes.
def test_recent_deltas_are_enough_for_a_close_follower() -> None:
    assert [each.version for each in feed_at(5).since(3)] == [4, 5]
    assert feed_at(5).since(5) == []


# A new follower, one from before a restart, and one that is too far behind get everything at once.
def test_a_distant_follower_gets_everything() -> None:
    feed = feed_at(RECENT_DELTAS_MAX + 10)
    for known in (0, 1, RECENT_DELTAS_MAX + 50):
        (full,) = feed.since(known)
        view = CatalogView()
        view.apply(full)
        assert (full.full, view.version, len(view.links)) == (True, feed.view.version, len(feed.view.links))


# Watching another node that is behind must not take this node back.
def test_older_news_is_dropped() -> None:
    feed = feed_at(5)
    for old in (delta(3), delta(5), delta(2, full=True)):
        feed.publish(old)
    assert (feed.view.version, len(feed.view.links)) == (5, 5)


# The partitions of a node act on every change, after the view shows it.
def test_listeners_see_the_new_view() -> None:
    feed = feed_at(2)
    seen: list[int] = []
    feed.on_change(lambda: seen.append(feed.view.version))
    feed.publish(delta(3))
    assert seen == [3]


# A request that was built with a newer catalog waits here.
async def test_waiting_ends_with_the_version() -> None:
    feed = feed_at(2)
    waiting = asyncio.ensure_future(feed.wait_beyond(3))
    feed.publish(delta(3))
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.publish(delta(4))
    await waiting


class Nodes:
    """Satisfy CatalogClient: each address has a script of deltas, after which the node is gone."""

    def __init__(self, scripts: dict[str, list[Delta]]) -> None:
        self.scripts = scripts
        self.asked: list[tuple[str, int]] = []

    async def watch(self, address: str, known_version: int) -> AsyncIterator[Delta]:
        self.asked.append((address, known_version))
        for each in self.scripts.get(address, []):
            yield each
        if len(self.asked) > len(self.scripts):
            await asyncio.Event().wait()
        raise StoreError(ErrorCode.SERVICE_UNAVAILABLE, "gone")


# A node goes away: the next one is asked, for what came after the last delta.
async def test_a_watcher_goes_on_with_the_next_node() -> None:
    feed = CatalogFeed()
    nodes = Nodes({"a": [delta(1, full=True), delta(2)], "b": [delta(3)]})
    task = asyncio.ensure_future(CatalogWatcher(nodes, feed, ["a", "b"], random.Random(1)).run())
    await asyncio.wait_for(feed.wait_beyond(2), 60)
    assert nodes.asked[:2] == [("a", 0), ("b", 2)]
    task.cancel()
    await asyncio.wait([task])
