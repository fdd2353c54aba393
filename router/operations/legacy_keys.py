"""KeyConditions, the key condition older than KeyConditionExpression.

Knows which comparison operators a key can be searched by; refuses to know tables, and how a condition becomes bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from router.expressions.keys import AttributeCondition, KeyCondition, KeyExpression, QueriedKey, SortOperator
from router.operations.legacy_conditions import filter_comparisons
from wire.errors import validation_error
from wire.items import AttributeValue

_SEARCHED_BY: Final[Mapping[str, SortOperator]] = {
    "EQ": "=",
    "LE": "<=",
    "LT": "<",
    "GE": ">=",
    "GT": ">",
    "BETWEEN": "BETWEEN",
    "BEGINS_WITH": "begins_with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyKeyExpression(KeyExpression):
    """KeyConditions before they are held against a key; some may ask for what no key can be searched by."""

    unsearchable: frozenset[str]  # the attributes of those

    def matched(self, key: QueriedKey) -> KeyCondition:
        """Return the condition for a table's or index's key, or raise a validation StoreError with AWS's text."""
        named = {condition.attribute for condition in self.conditions}
        for attribute in key.attributes():
            if attribute.name in self.unsearchable:
                raise validation_error("Attempted conditional constraint is not an indexable operation")
            if attribute in key.partition and attribute.name not in named:
                break  # which is said first
        return KeyExpression.matched(self, key)


def legacy_key_expression(conditions: Mapping[str, Mapping[str, Any]]) -> KeyExpression:
    """Return the key condition that a KeyConditions is, or raise a validation StoreError."""
    found: list[AttributeCondition] = []
    values: dict[str, AttributeValue] = {}
    unsearchable = set()
    for attribute, operator, arguments in filter_comparisons(conditions):
        names = tuple(f":{len(values) + position}" for position in range(len(arguments)))
        values.update(zip(names, arguments, strict=True))
        if operator not in _SEARCHED_BY:
            unsearchable.add(attribute)
        found.append(AttributeCondition(attribute=attribute, operator=_SEARCHED_BY.get(operator, "="), values=names))
    if not found:
        raise validation_error("Conditions can be of length 1 or 2 only")
    return LegacyKeyExpression(conditions=tuple(found), values=values, unsearchable=frozenset(unsearchable))
