"""Clients that count and claim in a simulated region, and what must be true of the answers they got.

Counters: every increment answers with the new value, so acknowledged answers must all differ, and a strong read must show
at least what anybody was told before it began and at most what was begun before it ended. Claims: of all unique puts of a
key at most one is acknowledged, and a strong read after it shows that one. Together that is linearizability of these.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from tests.support.partition_items import get, put, query, update
from tests.support.partition_simulation import SimulatedRegion
from wire.catalog import NodeId
from wire.commands import ConditionFailed, Failed, Got, NotLeader, Outcome, Page, Range, Returned, Written
from wire.errors import NOT_APPLIED, ErrorCode
from wire.expressions import add, not_exists, path, value
from wire.expressions import update as update_tree

INCREMENT = update_tree(add(path("n"), value(0)))
REFUSED = NOT_APPLIED | {ErrorCode.DEADLINE_EXCEEDED}
ANSWERED_WITHIN_SECONDS = 5.0


@dataclass
class Counter:
    """What is known about one counter."""

    begun: int = 0
    acknowledged: set[int] = field(default_factory=set)
    refused: int = 0
    floor: int = 0
    """What somebody has been told already, by a read or by an increment."""


@dataclass
class Claim:
    """What is known about one key that only one client may put."""

    winner: str = ""
    is_taken: bool = False


class History:
    """Everything that was asked and answered."""

    def __init__(self, region: SimulatedRegion, seed: int) -> None:
        self.region = region
        self.rng = random.Random(seed)
        self.counters = {f"c{number}": Counter() for number in range(3)}
        self.claims: dict[str, Claim] = {}
        self.trace: list[str] = []
        self._claimed = 0
        self._may_ask = asyncio.Event()
        self._may_ask.set()

    async def client(self, name: str, until: float) -> None:
        """Ask one thing after another."""
        region, rng = self.region, self.rng
        guess = next(iter(region.nodes))
        while region.loop.time() < until:
            if rng.random() < 0.2:
                guess = rng.choice(list(region.nodes))
            outcome = await self._ask_something(name, guess)
            if isinstance(outcome, NotLeader):
                guess = NodeId(outcome.leader) if outcome.leader else rng.choice(list(region.nodes))
            await asyncio.sleep(rng.uniform(0, 0.01))
            await self._may_ask.wait()

    @asynccontextmanager
    async def silence(self) -> AsyncIterator[None]:
        """Have nobody ask anything, from when all that was asked before is over."""
        self._may_ask.clear()
        try:
            async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
                while self.region.is_asked:  # noqa: ASYNC110  # nodes that crash answer nobody
                    await asyncio.sleep(0.005)
            yield
        finally:
            self._may_ask.set()

    async def _ask_something(self, name: str, node: NodeId) -> Outcome:
        choice = self.rng.random()
        if choice < 0.45:
            return await self._increment(name, node)
        if choice < 0.76:
            return await self._read(name, node)
        if choice < 0.82:
            return await self._scan(name, node)
        return await self._claim(name, node)

    async def _increment(self, name: str, node: NodeId) -> Outcome:
        key = self.rng.choice(list(self.counters))
        counter = self.counters[key]
        counter.begun += 1
        floor = counter.floor
        command = update(key, tree=INCREMENT, values=[{"N": "1"}], returned=Returned.UPDATED_NEW)
        outcome = await self.region.ask(node, command)
        self._note(name, f"increment {key}", outcome)
        if isinstance(outcome, Written):
            self.region.counts["acknowledged"] += 1
            number = int(orjson.loads(outcome.attributes)["n"]["N"])
            assert number not in counter.acknowledged, f"{key}: two increments were both told {number}"
            assert number > floor, f"{key}: an increment was told {number} after {floor} had been seen"
            counter.acknowledged.add(number)
            counter.floor = max(counter.floor, number)
        elif isinstance(outcome, NotLeader) or (isinstance(outcome, Failed) and outcome.code in REFUSED):
            counter.refused += 1
        else:
            self.region.counts["unknown"] += 1
        return outcome

    async def _read(self, name: str, node: NodeId) -> Outcome:
        key = self.rng.choice(list(self.counters))
        counter = self.counters[key]
        floor = counter.floor
        # The counter itself, or its row in a local index, which must be as new.
        command = get(key) if self.rng.random() < 0.5 else query(key, index=1)
        outcome = await self.region.ask(node, command)
        self._note(name, f"read {key}", outcome)
        if isinstance(outcome, (Got, Page)):
            items = outcome.items if isinstance(outcome, Page) else (outcome.item,) if outcome.item else ()
            # A row that moves on in its index while a page is read may be met again, newer.
            numbers = [int(orjson.loads(item)["n"]["N"]) for item in items] or [0]
            assert sorted(numbers) == numbers, f"{key}: read {numbers}"
            assert numbers[0] >= floor, f"{key}: read {numbers} after {floor} had been seen"
            counter.floor = max(counter.floor, numbers[-1])
            ceiling = counter.begun - counter.refused
            assert numbers[-1] <= ceiling, f"{key}: read {numbers}, but only {ceiling} increments can have happened"
        return outcome

    async def _scan(self, name: str, node: NodeId) -> Outcome:
        """Read everything in one page, which takes many slices: each counter must be as new as if it had been read alone."""
        floors = {key: counter.floor for key, counter in self.counters.items()}
        outcome = await self.region.ask(node, Range(1, consistent=True))
        self._note(name, "scan", outcome)
        if not isinstance(outcome, Page):
            return outcome
        items = [orjson.loads(item) for item in outcome.items]
        shown = {item["p"]["S"]: int(item["n"]["N"]) for item in items if "n" in item}
        self.region.counts["scanned"] += len(shown)
        for key, counter in self.counters.items():
            if key in shown or outcome.last is None:
                number = shown.get(key, 0)
                assert number >= floors[key], f"{key}: a page shows {number} after {floors[key]} had been seen"
                ceiling = counter.begun - counter.refused
                assert number <= ceiling, (
                    f"{key}: a page shows {number}, but only {ceiling} increments can have happened"
                )
                counter.floor = max(counter.floor, number)
        return outcome

    async def _claim(self, name: str, node: NodeId) -> Outcome:
        if self.rng.random() < 0.2:
            self._claimed += 1
        key = f"u{self.rng.randint(max(0, self._claimed - 2), self._claimed)}"
        claim = self.claims.setdefault(key, Claim())
        was_taken, winner = claim.is_taken, claim.winner
        mark = f"{name}-{len(self.trace)}"
        command = put(key, condition=not_exists(path("p")), by={"S": mark}, return_on_failure=True)
        outcome = await self.region.ask(node, command)
        self._note(name, f"claim {key}", outcome)
        if isinstance(outcome, Written):
            assert not was_taken, f"{key}: {name} was told it has won what {winner or 'somebody'} had"
            assert not claim.winner, f"{key}: both {claim.winner} and {mark} were told they have won"
            claim.winner, claim.is_taken = mark, True
        elif isinstance(outcome, ConditionFailed):
            claim.is_taken = True
            shown = orjson.loads(outcome.item)["by"]["S"]
            assert shown != mark, f"{key}: {mark} failed because of itself"
            assert not claim.winner or shown == claim.winner, f"{key}: {claim.winner} has won, {shown} was shown"
        return outcome

    def _note(self, name: str, what: str, outcome: Outcome) -> None:
        now = self.region.loop.time()
        self.trace.append(f"{now:.6f} {name} {what} {type(outcome).__name__} {outcome}")

    async def settle(self) -> None:
        """After healing: everything acknowledged is there, through whoever leads."""
        for key, counter in self.counters.items():
            outcome = await self._until_got(key)
            number = int(orjson.loads(outcome.item)["n"]["N"]) if outcome.item else 0
            assert counter.floor <= number <= counter.begun - counter.refused, f"{key}: ended at {number}: {counter}"
        for key, claim in self.claims.items():
            outcome = await self._until_got(key)
            if claim.winner:
                assert outcome.item, f"{key}: {claim.winner} was told it has won, and nothing is there"
                assert orjson.loads(outcome.item)["by"]["S"] == claim.winner

    async def _until_got(self, key: str) -> Got:
        for _ in range(500):
            for node in self.region.nodes:
                outcome = await self.region.ask(node, get(key))
                if isinstance(outcome, Got):
                    return outcome
            await asyncio.sleep(0.02)
        raise AssertionError(f"no node serves {key} although everything works")
