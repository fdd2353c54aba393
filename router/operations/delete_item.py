"""DeleteItem."""

from typing import Any, Final

from router.operations.expression_parameters import ExpressionParameters
from router.operations.expression_paths import require_scalar_keys
from router.operations.item_keys import key_of_members, token_of_key
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
from wire.items import normalized_item

_PARAMETERS: Final = ExpressionParameters(("ConditionExpression",), ("Expected", "ConditionalOperator"))


def parse(store: Store, body: dict[str, Any]) -> PreparedWrite:
    """Return the write that a request asks for; the order of the checks is AWS's."""
    with REQUEST_ALONE:
        _PARAMETERS.require_consistent(body)
        members, _ = normalized_item(body["Key"])
        wanted = returned_of_old(body)
        expressions = write_expressions(body, _PARAMETERS)
    spec = table_of_items(store.view, body["TableName"], store.home)
    key = key_of_members(spec.key_schema, members)
    require_scalar_keys(spec, expressions.condition)
    write = Write(
        WriteKind.DELETE,
        spec.number,
        key,
        condition=expressions.condition,
        values=expressions.values,
        returned=wanted,
        return_on_failure=wants_item_on_failure(body),
    )
    return PreparedWrite(token_of_key(key), write)
