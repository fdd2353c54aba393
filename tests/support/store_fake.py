"""An in-memory region for tests of operations: keeps items, remembers commands, evaluates no expressions.

What a test wants answered otherwise, it scripts: `script(type, outcome)` answers the next command of that type.
"""

import random
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, TypeVarTuple

import orjson
import pytest

from router.operations.context import RequestContext
from router.operations.model import ServiceModel
from router.operations.regions import NO_OTHER_REGIONS, Regions
from router.operations.registry import Surroundings, build_operations
from tests.support.clock import ManualClock
from wire import catalog_changes
from wire.catalog import CatalogView, PartitionId, Placement
from wire.catalog_changes import Decided
from wire.cluster import Home
from wire.commands import (
    Changes,
    Command,
    Get,
    Got,
    Measure,
    Measured,
    Outcome,
    Page,
    Position,
    Range,
    ReadChanges,
    Returned,
    Write,
    WriteKind,
    Written,
)
from wire.errors import StoreError
from wire.keys import ItemKey, key_hash, split_ring, token_of
from wire.tables import BillingMode, KeyAttribute, KeySchema, TableNumber, TableSpec, TableStatus

MODEL = ServiceModel.load()

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

HASH_SCHEMA = KeySchema(KeyAttribute("pk", "S"))
RANGE_SCHEMA = KeySchema(KeyAttribute("pk", "S"), KeyAttribute("sk", "N"))


def table_spec(name: str = "things", schema: KeySchema = HASH_SCHEMA, **settings: Any) -> TableSpec:
    """Return an on-demand table; `settings` replace what it is made of."""
    members: dict[str, Any] = {
        "number": TableNumber(7),
        "name": name,
        "table_id": "6f1c1a9e-7ad0-4f5f-9d0d-0b2f5f6f3c01",
        "status": TableStatus.ACTIVE,
        "key_schema": schema,
        "created_ms": 1_700_000_000_500,
        "billing_mode": BillingMode.PAY_PER_REQUEST,
    }
    return TableSpec(**{**members, **settings})


class Inline:
    """A `router.operations.context.Beside` that is not beside anything."""

    async def run(
        self, deadline: float, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments
    ) -> _Result:
        """Return what `function` returns."""
        return function(*arguments)


class FakeStore:
    """A `router.operations.store.Store` with items in a dict."""

    def __init__(self, *tables: TableSpec, region: str = "us-east-1", partitions: int = 3) -> None:
        self.view = CatalogView()
        for table in tables:
            self._keep(table)
        self.region = region
        self.home = Home(region, "123456789012")
        self.commands: list[Command] = []
        self.changes: list[catalog_changes.CatalogChange] = []
        self.decisions: deque[TableSpec | StoreError] = deque()
        self._ranges = split_ring(partitions)
        self._items: dict[tuple[int, ItemKey], tuple[bytes, int]] = {}
        self._scripts: defaultdict[type, deque[Outcome | StoreError]] = defaultdict(deque)

    def script(self, command: type, *outcomes: Outcome | StoreError) -> None:
        """Answer the next commands of a type with these, in order."""
        self._scripts[command].extend(outcomes)

    async def execute(self, token: int, command: Command, *, deadline: float) -> Outcome:
        """Carry a command out; the token has to be that of its key."""
        if isinstance(command, Get | Write):
            assert token == token_of(key_hash(command.key.partition))
        return self._execute(command)

    async def execute_on(self, partition: PartitionId, command: Command, *, deadline: float) -> Outcome:
        """Carry a command out in a partition, which for a scan has to hold its tokens."""
        if isinstance(command, Range):
            held = self._ranges[partition - 1]
            assert held.lower <= command.lower_token < command.upper_token <= held.upper
        if isinstance(command, Measure) and not self._scripts[Measure]:
            return self._measured(partition, command)
        return self._execute(command)

    def partitions(self, lower: int, upper: int) -> tuple[Placement, ...]:
        """Return the partitions of the fake ring that hold these tokens."""
        return tuple(
            Placement(PartitionId(index), held.lower, held.upper, 1, ())
            for index, held in enumerate(self._ranges, start=1)
            if held.lower < upper and lower < held.upper
        )

    async def change(self, change: catalog_changes.CatalogChange, *, deadline: float) -> Decided:
        """Answer with the next of `decisions`."""
        self.changes.append(change)
        decision = self.decisions.popleft()
        if isinstance(decision, StoreError):
            raise decision
        self._keep(decision)
        return Decided(self.view.version, decision)

    def _keep(self, table: TableSpec) -> None:
        self.view.tables[table.name] = table
        self.view.tables_by_number[table.number] = table

    def _execute(self, command: Command) -> Outcome:
        self.commands.append(command)
        if self._scripts[type(command)]:
            outcome = self._scripts[type(command)].popleft()
            if isinstance(outcome, StoreError):
                raise outcome
            return outcome
        match command:
            case Get():
                return Got(*self._items.get((command.table, command.key), (b"", 0)))
            case Write():
                return self._write(command)
            case Range():
                return self._page(command)
            case ReadChanges():
                return Changes((), command.after, 1, 0)
        raise AssertionError(f"the fake store does not know {command!r}")

    def _measured(self, partition: PartitionId, command: Measure) -> Measured:
        held = self._ranges[partition - 1]
        sizes = [
            size
            for (table, key), (_, size) in self._items.items()
            if table == command.table and held.lower <= token_of(key_hash(key.partition)) < held.upper
        ]
        return Measured(((0, len(sizes), sum(sizes)),) if sizes else ())

    def _write(self, command: Write) -> Written:
        place = (command.table, command.key)
        before, size_before = self._items.pop(place, (b"", 0))
        size = 0
        if command.kind is not WriteKind.DELETE:
            self._items[place] = (command.body, command.size)
            size = command.size
        return Written(before if command.returned is Returned.ALL_OLD else b"", size_before, size)

    def _page(self, command: Range) -> Page:
        items: list[bytes] = []
        size = 0
        for position, body, item_size in self._in_range(command):
            items.append(body)
            size += item_size
            if len(items) == command.limit or size > command.bytes_max:
                return self._paged(command, items, size, position)
        return self._paged(command, items, size, None)

    def _paged(self, command: Range, items: list[bytes], size: int, last: Position | None) -> Page:
        return Page(() if command.count_only else tuple(items), len(items), len(items), size, last)

    def _in_range(self, command: Range) -> Iterator[tuple[Position, bytes, int]]:
        found = [
            (Position(key_hash(key.partition), key), body, size)
            for (table, key), (body, size) in self._items.items()
            if table == command.table
        ]
        for position, body, size in sorted(found, reverse=command.reverse):
            in_tokens = command.lower_token <= token_of(position.hash) < command.upper_token
            is_after = command.start is None or (position > command.start) != command.reverse
            is_keyed = command.partition_key in (None, position.key.partition)
            if in_tokens and is_after and is_keyed and position != command.start:
                yield position, body, size


def item_bytes(**attributes: Any) -> bytes:
    """Return an item as a node would send it."""
    return orjson.dumps(attributes)


class Api:
    """The operations of one fake region, asked as the HTTP edge asks them."""

    def __init__(
        self,
        store: FakeStore,
        clock: ManualClock | None = None,
        regions: Regions = NO_OTHER_REGIONS,
        model: ServiceModel = MODEL,
    ) -> None:
        self.store = store
        self.clock = clock or ManualClock()
        surroundings = Surroundings(
            store=store, clock=self.clock, randomness=random.Random(1), cluster_id="test", regions=regions
        )
        self._operations = build_operations(surroundings, model)

    async def __call__(self, operation: str, **body: Any) -> dict[str, Any]:
        """Return the answer as a client reads it: a body without a byte has no members."""
        context = RequestContext(
            request_id="R",
            region=self.store.region,
            access_key_id=None,
            deadline=99.0,
            endpoint="here:8000",
            beside=Inline(),
        )
        answer: dict[str, Any] = orjson.loads(await self._operations[operation](context, body) or b"{}")
        return answer

    async def refused(self, operation: str, **body: Any) -> StoreError:
        """Return the error that a request is refused with."""
        with pytest.raises(StoreError) as caught:
            await self(operation, **body)
        return caught.value
