"""Hold a global index against its table: every item must have its row, as it should look, and there must be no other row.

Nothing is paused. First everybody who feeds the index has it brought up to the present; then the table and the index are read whole,
through strongly consistent reads of every partition; what is written meanwhile makes differences that are none. So each difference is
looked at again: an item is read, the index is brought up to the present, its rows are read, and the item once more. If it is the same
item both times, the verdict stands; if not, it is tried again. Memory: some 150 bytes per item.

The rule of `wire.indexes` says what a row should be, the same one by which rows are made: this finds rows that were lost, kept or
mixed up, not a mistake in that rule.
"""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from typing import Any, Final, NamedTuple

import msgspec
import orjson
import xxhash

from deploy.cli.region_reader import RegionReader, RegionUnreadable
from wire.catalog import CATALOG_PARTITION, CatalogView, Placement
from wire.commands import Get, Got, Outcome, Page, Position, Range
from wire.indexes import base_key, row_of
from wire.items import Item
from wire.keys import ItemKey, encode_key_value, key_hash, token_of
from wire.tables import IndexSpec, IndexStatus, KeySchema, TableSpec

JUDGED_TIMES_MAX: Final = 20  # an item that is written every time it is looked at stays without a verdict
EXAMPLES_MAX: Final = 10
NAMES_SHOWN_MAX: Final = 10


class Difference(msgspec.Struct, frozen=True):
    """A row that is not as it should be: what should stand there, and what does; null = nothing."""

    kind: str  # missing, extra or differing
    key: Item  # of the item, in the table
    expected: Item | None
    found: Item | None


class ScrubReport(msgspec.Struct, frozen=True):
    """What came of it. `unjudged` items were written whenever they were looked at. Members are only ever added."""

    region: str
    table: str
    index: str
    items: int
    rows: int
    missing: int
    extra: int
    differing: int
    unjudged: int
    examples: list[Difference]

    @property
    def is_clean(self) -> bool:
        """Whether the index is as its table has it."""
        return not (self.missing or self.extra or self.differing or self.unjudged)


class NothingToScrub(Exception):
    """There is no such index, or it is not ready; the message says so."""


async def scrubbed(reader: RegionReader, table_name: str, index_name: str) -> ScrubReport:
    """Compare an index with its table. Raises NothingToScrub or RegionUnreadable."""
    view = await reader.catalog()
    table, index = _found(reader.region.name, view, table_name, index_name)
    return await _Scrub(reader, view, table, index).run()


class _Row(NamedTuple):
    """A row by its key, with a digest of what it holds."""

    key: ItemKey
    digest: bytes


class _Scrub:
    def __init__(self, reader: RegionReader, view: CatalogView, table: TableSpec, index: IndexSpec) -> None:
        self._reader = reader
        self._table = table
        self._index = index
        data = (each for each in view.placements.values() if each.partition != CATALOG_PARTITION)
        self._placements = sorted(data, key=lambda each: each.lower)

    async def run(self) -> ScrubReport:
        await self._await_index()
        expected: dict[ItemKey, bytes] = {}
        items = rows = 0
        async for item in self._scan(0):
            items += 1
            row = self._row(item)
            if row is not None:
                expected[row.key] = row.digest
        suspects: dict[ItemKey, set[ItemKey]] = {}  # the rows to look at again, by the key of their item
        keyless: list[Difference] = []
        last = (b"", b"", b"")
        async for item in self._scan(self._index.number):
            rows += 1
            row = self._row(item)
            if row is None:
                keyless.append(Difference("extra", self._shown_key(item), None, item))
                continue
            place = _place(row.key)
            # Rows come in the order of their keys: one that does not is stored under another than it holds.
            if expected.pop(row.key, None) != row.digest or place <= last:
                suspects.setdefault(self._key(item), set()).add(row.key)
            last = max(last, place)
        for row_key in expected:
            suspects.setdefault(base_key(self._index, row_key), set()).add(row_key)
        judged, unjudged = await self._judged(suspects)
        differences = keyless + judged
        kinds = Counter(each.kind for each in differences)
        return ScrubReport(
            region=self._reader.region.name,
            table=self._table.name,
            index=self._index.name,
            items=items,
            rows=rows,
            missing=kinds["missing"],
            extra=kinds["extra"],
            differing=kinds["differing"],
            unjudged=unjudged,
            examples=differences[:EXAMPLES_MAX],
        )

    async def _await_index(self) -> None:
        partitions = frozenset(int(each.partition) for each in self._placements)
        await self._reader.await_index(self._table.name, self._index.name, partitions)

    # The first look, at everything.

    async def _scan(self, index: int) -> AsyncIterator[Item]:
        for placement in self._placements:
            start: Position | None = None
            while True:
                command = Range(self._table.number, index, start=start, consistent=True)
                (page,) = await self._reader.read(placement, [command])
                for body in _page(page).items:
                    yield orjson.loads(body)
                start = _page(page).last
                if start is None:
                    break

    def _row(self, item: Item) -> _Row | None:
        row = row_of(self._table.key_schema, self._index, self._key(item), item)
        return None if row is None else _Row(row.key, _digest(row.item))

    def _key(self, item: Item) -> ItemKey:
        return item_key(self._table.key_schema, item)

    # The second look, at what differs.

    async def _judged(self, suspects: dict[ItemKey, set[ItemKey]]) -> tuple[list[Difference], int]:
        differences: list[Difference] = []
        for _ in range(JUDGED_TIMES_MAX):
            if not suspects:
                break
            before = await self._items(suspects)
            await self._await_index()
            wanted = {key: self._rows_to_look_at(item, suspects[key]) for key, item in before.items()}
            rows = await self._rows({row for keys in wanted.values() for row in keys})
            after = await self._items(suspects)
            for key, item in before.items():
                if item == after[key]:
                    differences += self._differences(key, item, {each: rows[each] for each in wanted[key]})
                    del suspects[key]
        return differences, len(suspects)

    def _rows_to_look_at(self, item: Item | None, known: set[ItemKey]) -> set[ItemKey]:
        row = None if item is None else self._row(item)
        return known if row is None else {*known, row.key}

    def _differences(self, key: ItemKey, item: Item | None, rows: dict[ItemKey, Item | None]) -> Iterable[Difference]:
        row = None if item is None else row_of(self._table.key_schema, self._index, key, item)
        for row_key, found in rows.items():
            expected = row.item if row is not None and row.key == row_key else None
            if found != expected:
                kind = "missing" if found is None else "extra" if expected is None else "differing"
                shown = expected if expected is not None else found
                assert shown is not None, "two absent rows do not differ"
                yield Difference(kind, self._shown_key(shown), expected, found)

    def _shown_key(self, item: Item) -> Item:
        return {name: item[name] for name in self._table.key_schema.names()}

    async def _items(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item | None]:
        commands = {key: Get(self._table.number, key, True) for key in keys}
        found = await self._read({key: (key, command) for key, command in commands.items()})
        return {key: _decoded(outcome.item) if isinstance(outcome, Got) else None for key, outcome in found.items()}

    async def _rows(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item | None]:
        found = await self._read({key: (key, self._row_command(key)) for key in keys})
        return {key: _decoded(next(iter(_page(page).items), b"")) for key, page in found.items()}

    def _row_command(self, key: ItemKey) -> Range:
        return Range(
            self._table.number,
            self._index.number,
            partition_key=key.partition,
            lower=key.sort,
            upper=key.sort,
            consistent=True,
        )

    async def _read(self, asked: dict[ItemKey, tuple[ItemKey, Get | Range]]) -> dict[ItemKey, Outcome]:
        """Carry out reads where their keys are held."""
        found: dict[ItemKey, Outcome] = {}
        for placement in self._placements:
            here = [(key, command) for key, command in asked.values() if _holds(placement, key)]
            outcomes = await self._reader.read(placement, [command for _, command in here])
            found |= {key: outcome for (key, _), outcome in zip(here, outcomes, strict=True)}
        return found


def item_key(schema: KeySchema, item: Item) -> ItemKey:
    """Return the key of an item, from its key attributes."""
    values: list[Any] = [item[name] for name in schema.names()]
    attributes = (schema.partition, schema.sort)
    encoded = [
        encode_key_value(attribute.type, value[attribute.type])
        for attribute, value in zip(attributes, values, strict=False)
        if attribute is not None
    ]
    return ItemKey(*encoded)


def _found(region: str, view: CatalogView, table_name: str, index_name: str) -> tuple[TableSpec, IndexSpec]:
    table = view.tables.get(table_name)
    if table is None:
        # Which region was asked matters: a table need not be in the one that is asked when none is named.
        raise NothingToScrub(f"no table {table_name!r} in {region}; there are {_some(view.tables)}")
    index = table.index(index_name)
    if index is None or index.is_local:
        names = ", ".join(each.name for each in table.global_indexes)
        raise NothingToScrub(f"table {table_name} has no global index {index_name!r}; it has {names or 'none'}")
    if index.status in (IndexStatus.CREATING, IndexStatus.DELETING):
        raise NothingToScrub(f"index {index_name} of {table_name} is {index.status.value}")
    return table, index


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:NAMES_SHOWN_MAX])
    return f"{shown} and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else shown or "none"


def _holds(placement: Placement, key: ItemKey) -> bool:
    return placement.lower <= token_of(key_hash(key.partition)) < placement.upper


def _place(key: ItemKey) -> tuple[bytes, bytes, bytes]:
    """Return where a row stands among all, in the order in which partitions and pages give them."""
    return key_hash(key.partition), key.sort, key.partition


def _page(outcome: Outcome) -> Page:
    if not isinstance(outcome, Page):
        raise RegionUnreadable(f"expected a page, found {outcome}")
    return outcome


def _decoded(body: bytes) -> Item | None:
    if not body:
        return None
    item: Item = orjson.loads(body)
    return item


def _digest(item: Item) -> bytes:
    return xxhash.xxh3_128_digest(orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
