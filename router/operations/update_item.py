"""UpdateItem."""

from typing import Any, Final

import orjson

from router.operations.expression_parameters import ExpressionParameters
from router.operations.expression_paths import require_scalar_keys
from router.operations.item_keys import key_of_members, token_of_key
from router.operations.item_writes import (
    PreparedWrite,
    returned,
    wants_item_on_failure,
    write_expressions,
)
from router.operations.store import Store
from router.operations.tables import table_of_items
from router.operations.wording import REQUEST_ALONE
from wire.commands import Write, WriteKind
from wire.errors import validation_error
from wire.items import normalized_item
from wire.tables import KeySchema

_PARAMETERS: Final = ExpressionParameters(
    ("UpdateExpression", "ConditionExpression"), ("AttributeUpdates", "Expected", "ConditionalOperator")
)


def parse(store: Store, body: dict[str, Any]) -> PreparedWrite:
    """Return the write that a request asks for; the order of the checks is AWS's."""
    with REQUEST_ALONE:
        _PARAMETERS.require_consistent(body)
        members, size = normalized_item(body["Key"])
        expressions = write_expressions(body, _PARAMETERS)
    spec = table_of_items(store.view, body["TableName"], store.home)
    key = key_of_members(spec.key_schema, members)
    _require_key_untouched(spec.key_schema, expressions.attributes)
    require_scalar_keys(spec, expressions.update)
    require_scalar_keys(spec, expressions.condition)
    write = Write(
        WriteKind.UPDATE,
        spec.number,
        key,
        orjson.dumps(members),
        size,
        expressions.condition,
        expressions.update,
        expressions.values,
        returned(body),
        wants_item_on_failure(body),
    )
    return PreparedWrite(token_of_key(key), write)


def _require_key_untouched(schema: KeySchema, attributes: tuple[str, ...]) -> None:
    for name in schema.names():
        if name in attributes:
            raise validation_error(
                f"One or more parameter values were invalid: Cannot update attribute {name}. "
                "This attribute is part of the key"
            )
