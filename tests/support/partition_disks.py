"""Disks of a simulated region that run short, fill up or fail: one node's at a time, so that a majority always has space."""

import asyncio
import random
from enum import Enum

from node.partition.node_driver import RESERVE_BYTES, RESERVE_FOLLOWED_BYTES
from tests.support.partition_simulation import PARTITION, SimulatedRegion
from wire.catalog import NodeId
from wire.commands import Command, Failed, NotLeader, Outcome
from wire.errors import NOT_APPLIED

LAST_WORDS_SECONDS = 0.02


class Trouble(Enum):
    """What is the matter with a disk."""

    SHORT = "short"
    """Little is left: what is needed for elections can still be written, and entries of another leader."""
    SCARCE = "scarce"
    """So little is left that entries are refused as well."""
    FULL = "full"
    """Every write fails, from one to the next."""
    FAILING = "failing"
    """A write has failed for good: the node says its last words and is gone until the disk is replaced."""


async def trouble(region: SimulatedRegion, name: NodeId, kind: Trouble) -> None:
    """Let something be the matter with a node's disk until it is mended."""
    region.counts[kind.value] = region.counts.get(kind.value, 0) + 1
    node = region.nodes[name]
    assert node.writer is not None
    match kind:
        case Trouble.SHORT:
            node.engine.disk_free_bytes = RESERVE_BYTES - 1
        case Trouble.SCARCE:
            node.engine.disk_free_bytes = RESERVE_FOLLOWED_BYTES - 1
        case Trouble.FULL:
            node.writer.is_full = True
        case Trouble.FAILING:
            node.writer.is_crashed = True
            if node.driver is not None:
                node.driver.give_up()
            await asyncio.sleep(LAST_WORDS_SECONDS)
            await region.crash(name)


async def disks_nemesis(region: SimulatedRegion, rng: random.Random, until: float) -> None:
    """Trouble one disk after another, whatever else goes on."""
    while region.loop.time() < until:
        name = rng.choice([region.leader or "", *region.nodes])
        if name in region.nodes and region.nodes[NodeId(name)].driver is not None:
            await trouble(region, NodeId(name), rng.choice(list(Trouble)))
            await asyncio.sleep(rng.uniform(0.05, 0.6))
            region.nodes[NodeId(name)].mend()
        await asyncio.sleep(rng.uniform(0.05, 0.4))


def leaders(region: SimulatedRegion) -> list[NodeId]:
    """Return every node that takes itself for the leader."""
    return [
        node.node
        for node in region.nodes.values()
        if node.driver is not None
        and (replica := node.driver.replica(PARTITION)) is not None
        and replica.core.is_leader
    ]


async def routed(region: SimulatedRegion, command: Command, seconds: float) -> Outcome:
    """Send a command as a router does: to whoever is named as leader, again when nothing was applied, until the time is up."""
    until, names, turn = region.loop.time() + seconds, list(region.nodes), 0
    guess = names[0]
    while True:
        outcome = await region.ask(guess, command)
        is_refused = isinstance(outcome, NotLeader) or (isinstance(outcome, Failed) and outcome.code in NOT_APPLIED)
        if not is_refused or region.loop.time() > until:
            return outcome
        turn += 1
        named = outcome.leader if isinstance(outcome, NotLeader) else ""
        guess = NodeId(named) if named and turn % 4 else names[turn % len(names)]
        await asyncio.sleep(0.005)
