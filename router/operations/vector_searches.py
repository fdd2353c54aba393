"""SearchVectors as far as its input goes: vector indexes are not built yet."""

from collections.abc import Mapping
from typing import Any, Final

from router.expressions.parameters import check_parameters
from router.expressions.request import RequestExpressions
from router.operations.one_function import Check
from router.operations.store import Store
from router.operations.tables import table_of_items
from wire.errors import validation_error
from wire.items import measured_value

_EXPRESSIONS: Final = ("SearchConditionExpression", "ProjectionExpression")


def _check(store: Store, body: dict[str, Any]) -> None:
    names, values = body.get("ExpressionAttributeNames"), body.get("ExpressionAttributeValues")
    given = {name: body.get(name) for name in _EXPRESSIONS}
    check_parameters(expressions=given, legacy={}, names=names, values=values)
    for component in body["SearchVector"]:
        value, _ = measured_value(component)
        if "N" not in value:
            raise validation_error("One or more parameter values were invalid: SearchVector must contain only numbers")
    if any(text is not None for text in given.values()):
        _check_expressions(given, RequestExpressions(names, values))
    table_of_items(store.view, body["TableName"], store.home)


def _check_expressions(given: dict[str, str | None], expressions: RequestExpressions) -> None:
    condition, projection = (given[name] for name in _EXPRESSIONS)
    if condition is not None:
        expressions.condition(condition)
    if projection is not None:
        expressions.projection(projection)
    expressions.finish()


CHECKS: Final[Mapping[str, Check]] = {"SearchVectors": _check}
