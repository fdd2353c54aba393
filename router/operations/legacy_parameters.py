"""The parameters older than expressions, as operations take them: Expected, AttributeUpdates, QueryFilter and ScanFilter.

Knows which parameter becomes which tree, and when ConditionalOperator may be used; the rules of each are in
`legacy_conditions` and `legacy_updates`. Refuses to know tables.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

from router.operations.legacy_conditions import expected_comparisons, filter_comparisons, joined_comparisons
from router.operations.legacy_updates import attribute_updates
from wire.commands import NO_BYTES
from wire.errors import validation_error
from wire.expressions import packed
from wire.items import AttributeValue

_CONDITIONS: Final = ("Expected", "QueryFilter", "ScanFilter")


class LegacyWrite(NamedTuple):
    """What AttributeUpdates and Expected come to: trees, the attributes updated, and the values the trees point into."""

    update: bytes
    attributes: tuple[str, ...]
    condition: bytes
    values: bytes


class LegacyFilter(NamedTuple):
    """A QueryFilter or ScanFilter as a tree, and the values it points into."""

    tree: bytes = NO_BYTES
    values: bytes = NO_BYTES


def require_useful_operator(body: Mapping[str, Any]) -> None:
    """Refuse a ConditionalOperator that has nothing to join."""
    if body.get("ConditionalOperator") is None:
        return
    count = sum(len(body.get(name) or ()) for name in _CONDITIONS)
    if count == 0:
        raise validation_error("ConditionalOperator cannot be used without Filter or Expected")
    if count == 1:
        raise validation_error("ConditionalOperator can only be used when Filter or Expected has two or more elements")


def legacy_write(body: Mapping[str, Any]) -> LegacyWrite | None:
    """Return what a write's older parameters ask for, or None when it has none. Raises a validation StoreError."""
    updates, expected = body.get("AttributeUpdates"), body.get("Expected")
    if not updates and not expected:
        return None
    values: list[AttributeValue] = []
    update = packed(attribute_updates(updates, values)) if updates else NO_BYTES
    condition = NO_BYTES
    if expected:
        condition = packed(joined_comparisons(expected_comparisons(expected), _operator(body), values))
    return LegacyWrite(update, tuple(updates or ()), condition, orjson.dumps(values))


def legacy_filter(body: Mapping[str, Any], parameter: str) -> LegacyFilter:
    """Return the filter that a page's QueryFilter or ScanFilter asks for. Raises a validation StoreError."""
    conditions = body.get(parameter)
    if not conditions:
        return LegacyFilter()
    values: list[AttributeValue] = []
    tree = joined_comparisons(filter_comparisons(conditions), _operator(body), values)
    return LegacyFilter(packed(tree), orjson.dumps(values))


def _operator(body: Mapping[str, Any]) -> str:
    operator: str = body.get("ConditionalOperator", "AND")
    return operator
