"""Conditions older than expressions, made the trees that expressions become: Expected, filters and key conditions.

Knows AWS's rules for a comparison operator and its arguments, and AWS's words for what breaks them. Refuses to know items,
tables and which operation asks.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from wire import expressions
from wire.errors import StoreError, validation_error
from wire.expressions import Tree
from wire.items import ATTRIBUTE_TYPES, AttributeValue, normalized_value, sort_key
from wire.names import require_names

_INVALID: Final = "One or more parameter values were invalid: "

# Of conditions, and of arguments of each. AWS documents no bound; every one of them is held against every item.
CONDITIONS_MAX: Final = 4096

_SCALARS: Final = ("S", "N", "B")
_COMPARATORS: Final = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}

# By operator: how many arguments it takes at least and at most (None: as many as there are), and of which types.
_ARGUMENTS: Final[Mapping[str, tuple[int, int | None, tuple[str, ...]]]] = {
    "EQ": (1, 1, ATTRIBUTE_TYPES),
    "NE": (1, 1, ATTRIBUTE_TYPES),
    "LE": (1, 1, _SCALARS),
    "LT": (1, 1, _SCALARS),
    "GE": (1, 1, _SCALARS),
    "GT": (1, 1, _SCALARS),
    "CONTAINS": (1, 1, (*_SCALARS, "BOOL", "NULL")),
    "NOT_CONTAINS": (1, 1, (*_SCALARS, "BOOL", "NULL")),
    "BEGINS_WITH": (1, 1, ("S", "B")),
    "IN": (1, None, _SCALARS),
    "BETWEEN": (2, 2, _SCALARS),
    "NULL": (0, 0, ()),
    "NOT_NULL": (0, 0, ()),
}


class AttributeComparison(NamedTuple):
    """What a condition asks of one top-level attribute; the arguments are in canonical form."""

    attribute: str
    operator: str  # a ComparisonOperator of the API
    arguments: tuple[AttributeValue, ...]


def filter_comparisons(conditions: Mapping[str, Mapping[str, Any]]) -> list[AttributeComparison]:
    """Return the comparisons of a QueryFilter, ScanFilter or KeyConditions, or raise a validation StoreError."""
    _require_few(len(conditions), "conditions")
    require_names(conditions)
    return [
        _checked(attribute, condition["ComparisonOperator"], condition.get("AttributeValueList", ()))
        for attribute, condition in conditions.items()
    ]


def expected_comparisons(expected: Mapping[str, Mapping[str, Any]]) -> list[AttributeComparison]:
    """Return the comparisons of an Expected, or raise a validation StoreError."""
    _require_few(len(expected), "conditions")
    require_names(expected)
    return [_expectation(attribute, condition) for attribute, condition in expected.items()]


def joined_comparisons(comparisons: Sequence[AttributeComparison], operator: str, values: list[AttributeValue]) -> Tree:
    """Return the tree of comparisons joined by a ConditionalOperator; their arguments are added to `values`."""
    join = expressions.any_of if operator == "OR" else expressions.all_of
    return join(*(_tree(comparison, values) for comparison in comparisons))


def _expectation(attribute: str, condition: Mapping[str, Any]) -> AttributeComparison:
    operator, arguments = condition.get("ComparisonOperator"), condition.get("AttributeValueList")
    value = condition.get("Value")
    if arguments is not None and value is not None:
        raise _misused("Value and AttributeValueList cannot be used together", attribute)
    if operator is None:
        return _existence(attribute, condition, arguments, value)
    if condition.get("Exists") is not None:
        raise _misused("Exists and ComparisonOperator cannot be used together", attribute)
    if arguments is None and value is None and operator not in ("NULL", "NOT_NULL"):
        raise _misused(f"Value or AttributeValueList must be used with ComparisonOperator: {operator}", attribute)
    return _checked(attribute, operator, [value] if value is not None else arguments or ())


def _existence(
    attribute: str, condition: Mapping[str, Any], arguments: object, value: AttributeValue | None
) -> AttributeComparison:
    """Return the comparison that Exists and Value, without a ComparisonOperator, stand for."""
    exists = condition.get("Exists")
    if arguments is not None:
        raise _misused("AttributeValueList can only be used with a ComparisonOperator", attribute)
    if exists is False:
        if value is not None:
            raise _misused("Value cannot be used when Exists is false", attribute)
        return AttributeComparison(attribute, "NULL", ())
    if value is None:
        raise _misused(f"Value must be provided when Exists is {'null' if exists is None else 'true'}", attribute)
    return AttributeComparison(attribute, "EQ", (normalized_value(value),))


def _checked(attribute: str, operator: str, given: Sequence[AttributeValue]) -> AttributeComparison:
    """Return a comparison whose arguments fit its operator: valid, as many as needed, of one type, of a type it takes."""
    _require_few(len(given), "arguments of a condition")
    arguments = tuple(map(normalized_value, given))
    least, most, allowed = _ARGUMENTS[operator]
    if len(arguments) < least or (most is not None and len(arguments) > most):
        raise validation_error(f"{_INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator")
    types = [next(iter(argument)) for argument in arguments]
    if len(set(types)) > 1:
        raise validation_error(f"{_INVALID}AttributeValues inside AttributeValueList must be of same type")
    if types and types[0] not in allowed:
        raise validation_error(
            f"{_INVALID}ComparisonOperator {operator} is not valid for {types[0]} AttributeValue type"
        )
    if operator == "BETWEEN":
        _require_order(*arguments)
    return AttributeComparison(attribute, operator, arguments)


def _require_few(count: int, what: str) -> None:
    if count > CONDITIONS_MAX:
        raise validation_error(f"{_INVALID}found {count} {what}, expected at most {CONDITIONS_MAX}")


def _require_order(lower: AttributeValue, upper: AttributeValue) -> None:
    if cast(Any, sort_key(lower)) > cast(Any, sort_key(upper)):
        raise validation_error(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )


def _tree(comparison: AttributeComparison, values: list[AttributeValue]) -> Tree:
    attribute, operator, arguments = comparison
    path = expressions.path(attribute)
    operands = [expressions.value(len(values) + position) for position in range(len(arguments))]
    values.extend(arguments)
    match operator:
        case "NULL":
            return expressions.not_exists(path)
        case "NOT_NULL":
            return expressions.exists(path)
        case "CONTAINS":
            return expressions.contains(path, *operands)
        case "NOT_CONTAINS":  # unlike NE, it asks that the attribute is there
            return expressions.all_of(
                expressions.exists(path), expressions.negated(expressions.contains(path, *operands))
            )
        case "BEGINS_WITH":
            return expressions.begins_with(path, *operands)
        case "IN":
            return expressions.one_of(path, *operands)
        case "BETWEEN":
            return expressions.between(path, *operands)
    return expressions.comparison(_COMPARATORS[operator], path, *operands)


def _misused(what: str, attribute: str) -> StoreError:
    return validation_error(f"{_INVALID}{what} for Attribute: {attribute}")
