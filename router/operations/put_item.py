"""PutItem."""

from typing import Any, Final

import orjson

from router.operations.expression_parameters import ExpressionParameters
from router.operations.expression_paths import require_scalar_keys
from router.operations.item_keys import key_of_item, token_of_key
from router.operations.item_writes import (
    PreparedWrite,
    returned_of_old,
    wants_item_on_failure,
    write_expressions,
)
from router.operations.store import Store
from router.operations.tables import table_of_items
from router.operations.wording import REQUEST_ALONE
from wire.commands import Write, WriteKind
from wire.index_keys import require_index_keys, require_room_for_rows
from wire.items import ITEM_TOO_LARGE, normalized_item

_PARAMETERS: Final = ExpressionParameters(("ConditionExpression",), ("Expected", "ConditionalOperator"))


def parse(store: Store, body: dict[str, Any]) -> PreparedWrite:
    """Return the write that a request asks for; the order of the checks is AWS's."""
    with REQUEST_ALONE:
        _PARAMETERS.require_consistent(body)
        item, size = normalized_item(body["Item"])
        wanted = returned_of_old(body)
        expressions = write_expressions(body, _PARAMETERS)
    spec = table_of_items(store.view, body["TableName"], store.home)
    key = key_of_item(spec.key_schema, item)
    require_index_keys(spec.indexes, item)
    require_room_for_rows(spec, key, item, size, ITEM_TOO_LARGE)
    require_scalar_keys(spec, expressions.condition)
    write = Write(
        WriteKind.PUT,
        spec.number,
        key,
        orjson.dumps(item),
        size,
        condition=expressions.condition,
        values=expressions.values,
        returned=wanted,
        return_on_failure=wants_item_on_failure(body),
    )
    return PreparedWrite(token_of_key(key), write)
