"""BatchGetItem."""

from typing import Any, Final

import orjson

from router.operations.answers import array, joined
from router.operations.batches import (
    BatchPart,
    carried_out,
    consumed_by_table,
    require_distinct,
    unprocessed,
)
from router.operations.capacity import read_units
from router.operations.context import RequestContext
from router.operations.expression_paths import require_scalar_keys
from router.operations.get_item import get_projection, require_consistent_get
from router.operations.item_keys import key_of_members, token_of_key
from router.operations.store import Store
from router.operations.tables import table_of_items
from wire.commands import Get, Got, Outcome
from wire.errors import validation_error
from wire.items import Item, normalized_item
from wire.limits import BATCH_BYTES_MAX, BATCH_GET_KEYS_MAX


class BatchGetItem:
    """Read up to a hundred items by key, of any tables."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def __call__(self, context: RequestContext, body: dict[str, Any]) -> bytes:
        """Carry the request out."""
        parts = await context.read(parse, self._store, body)
        outcomes = await carried_out(self._store, parts, context.deadline)
        return render(body, parts, outcomes)


def parse(store: Store, body: dict[str, Any]) -> list[BatchPart]:
    """Return the reads that a request asks for."""
    asked = body["RequestItems"]
    if sum(len(each["Keys"]) for each in asked.values()) > BATCH_GET_KEYS_MAX:
        raise validation_error("Too many items requested for the BatchGetItem call")
    for each in asked.values():
        require_consistent_get(each)
    # One table may not have expressions where another has what is older.
    require_consistent_get({name: value for each in asked.values() for name, value in each.items()})
    checked = {table: _checked(each) for table, each in asked.items()}
    return [
        part for table, (keys, projection) in checked.items() for part in _parts(store, body, table, keys, projection)
    ]


def render(body: dict[str, Any], parts: list[BatchPart], outcomes: list[Outcome | None]) -> bytes:
    """Return the answer; what passes 16 MB, or was not carried out, is left to be asked for again."""
    found: Final[dict[str, list[bytes]]] = {table: [] for table in body["RequestItems"]}
    units: Final = dict.fromkeys(found, 0.0)
    left: list[BatchPart] = []
    size = 0
    for part, outcome in zip(parts, outcomes, strict=True):
        if not isinstance(outcome, Got) or size + outcome.size > BATCH_BYTES_MAX:
            left.append(part)
            continue
        size += outcome.size
        units[part.table] += read_units(outcome.size, consistent=_is_consistent(body, part.table))
        if outcome.item:
            found[part.table].append(outcome.item)
    return joined(
        Responses=joined_tables({table: array(items) for table, items in found.items()}),
        UnprocessedKeys=unprocessed(_left(body, left)),
        ConsumedCapacity=consumed_by_table(body, units),
    )


def joined_tables(by_table: dict[str, bytes]) -> bytes:
    """Return a JSON object of values by table that are JSON already."""
    return b"{%b}" % b",".join(b"%b:%b" % (orjson.dumps(table), value) for table, value in by_table.items())


def _checked(asked: dict[str, Any]) -> tuple[list[Item], bytes]:
    """Return the keys in canonical form and the projection of what is asked of one table."""
    keys = [normalized_item(key)[0] for key in asked["Keys"]]
    require_distinct(orjson.dumps(key, option=orjson.OPT_SORT_KEYS) for key in keys)
    return keys, get_projection(asked)


def _parts(store: Store, body: dict[str, Any], table: str, keys: list[Item], projection: bytes) -> list[BatchPart]:
    spec = table_of_items(store.view, table, store.home)
    require_scalar_keys(spec, projection)
    consistent = _is_consistent(body, table)
    parts = []
    for members, asked in zip(keys, body["RequestItems"][table]["Keys"], strict=True):
        key = key_of_members(spec.key_schema, members)
        parts.append(BatchPart(table, token_of_key(key), Get(spec.number, key, consistent, projection), asked))
    return parts


def _is_consistent(body: dict[str, Any], table: str) -> bool:
    consistent: bool = body["RequestItems"][table].get("ConsistentRead", False)
    return consistent


def _left(body: dict[str, Any], parts: list[BatchPart]) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for part in parts:
        asked = left.setdefault(part.table, {**body["RequestItems"][part.table], "Keys": []})
        asked["Keys"].append(part.asked)
    return left
