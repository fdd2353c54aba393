"""Key conditions: which key attributes a condition pins down, and how a key schema takes it.

A key condition is a condition first and passes the same checks. What may be in it further is known without a schema; only
`KeyExpression.matched` needs one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from router.expressions.bindings import Names, ValuesByName
from router.expressions.faults import Fault
from router.expressions.syntax import Node
from wire.errors import StoreError, validation_error
from wire.items import AttributeValue
from wire.tables import KeyAttribute, KeySchema

SortOperator: TypeAlias = Literal["=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"]

# The comparator that says the same with its operands exchanged.
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True, kw_only=True)
class SortCondition:
    """What a query asks of the sort key: two values for BETWEEN, one for the other operators; all in canonical form."""

    operator: SortOperator
    values: tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCondition:
    """A query's partition key and what it asks of the sort key, each an attribute after the other as the key has them.

    Invariant: all conditions on the sort key but the last are equalities.
    """

    partition: tuple[AttributeValue, ...]
    sort: tuple[SortCondition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriedKey:
    """The key attributes of a table or an index that is queried; only those of a global index may be several."""

    partition: tuple[KeyAttribute, ...]
    sort: tuple[KeyAttribute, ...] = ()
    index: str = ""  # the name of the index, empty for a table

    @classmethod
    def of_table(cls, schema: KeySchema) -> Self:
        """Return the key of a table."""
        return cls(partition=(schema.partition,), sort=() if schema.sort is None else (schema.sort,))

    def attributes(self) -> tuple[KeyAttribute, ...]:
        """Return all key attributes, HASH first."""
        return (*self.partition, *self.sort)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeCondition:
    """A condition on one attribute, whose values are still placeholders."""

    attribute: str
    operator: SortOperator
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyExpression:
    """A key condition before it is held against a schema."""

    conditions: tuple[AttributeCondition, ...]
    values: ValuesByName

    def matched(self, key: QueriedKey) -> KeyCondition:
        """Return the condition for a table's or index's key, or raise a validation StoreError with AWS's text."""
        by_name = {condition.attribute: condition for condition in self.conditions}
        _require_conditions(by_name, key)
        if len(key.partition) > 1:
            _require_partition_equalities(by_name, key)
        _require_leading_equalities(by_name, key)
        return KeyCondition(
            partition=tuple(
                self._equal_value(by_name[attribute.name], attribute, key.index) for attribute in key.partition
            ),
            sort=tuple(
                self._sort_condition(by_name[attribute.name], attribute, key.index)
                for attribute in key.sort
                if attribute.name in by_name
            ),
        )

    def _equal_value(self, condition: AttributeCondition, key: KeyAttribute, index: str) -> AttributeValue:
        value, *_ = self._checked(condition, key, index)
        if condition.operator != "=":
            raise validation_error("Query key condition not supported")
        return value

    def _sort_condition(self, condition: AttributeCondition, key: KeyAttribute, index: str) -> SortCondition:
        return SortCondition(operator=condition.operator, values=self._checked(condition, key, index))

    def _checked(self, condition: AttributeCondition, key: KeyAttribute, index: str) -> tuple[AttributeValue, ...]:
        values = tuple(self.values[name] for name in condition.values)
        for value in values:
            if key.type not in value:
                raise validation_error(
                    "One or more parameter values were invalid: Condition parameter type does not match schema type"
                )
            if value[key.type] == "":
                raise _empty_key_value(key, index)
        return values


def _require_conditions(by_name: dict[str, AttributeCondition], key: QueriedKey) -> None:
    """Refuse conditions on attributes outside the key, and a partition key without one."""
    expected = [attribute.name for attribute in key.attributes()]
    if len(by_name) > len(expected):
        raise validation_error(
            f"The number of query conditions ({len(by_name)}) exceeds the number of key attributes "
            f"defined in the schema ({len(expected)})"
        )
    has_strangers = not by_name.keys() <= set(expected)
    required = key.partition if len(key.partition) == 1 else ()  # of several it is said otherwise that one is missing
    for attribute in key.attributes() if has_strangers else required:
        if attribute.name not in by_name:
            raise validation_error(f"Query condition missed key schema element: {attribute.name}")


def _require_leading_equalities(by_name: dict[str, AttributeCondition], key: QueriedKey) -> None:
    """Refuse anything but equality on the sort attributes before the last one with a condition."""
    last = max((position for position, attribute in enumerate(key.sort) if attribute.name in by_name), default=0)
    unequal = _unequal(by_name, key.sort[:last])
    if unequal:
        raise validation_error(
            f"RANGE key attributes {unequal} must have equality conditions specified in the query because a condition is "
            f"present on key attribute {key.sort[last].name}"
        )


def _require_partition_equalities(by_name: dict[str, AttributeCondition], key: QueriedKey) -> None:
    """Refuse anything but equality on all attributes of a partition key of several."""
    unequal = _unequal(by_name, key.partition)
    if unequal:
        raise validation_error(f"HASH key attributes {unequal} must have equality conditions specified in the query")


def _unequal(by_name: dict[str, AttributeCondition], attributes: tuple[KeyAttribute, ...]) -> str:
    """Return the names of those that have another condition than equality, or none, as AWS lists them."""
    found = (attribute.name for attribute in attributes)
    return ", ".join(name for name in found if name not in by_name or by_name[name].operator != "=")


def attribute_conditions(node: Node, names: Names) -> tuple[AttributeCondition, ...]:
    """Return a checked condition as conditions on attributes, in the order of the text, or raise Fault."""
    found: dict[str, AttributeCondition] = {}
    for part in node[1:] if node[0] == "and" else [node]:
        for condition in attribute_conditions(part, names) if part[0] == "and" else [_attribute_condition(part, names)]:
            if condition.attribute in found:
                raise Fault("KeyConditionExpressions must only contain one condition per key")
            found[condition.attribute] = condition
    return tuple(found.values())


def _attribute_condition(node: Node, names: Names) -> AttributeCondition:
    operator, *operands = node[1:] if node[0] == "call" else node
    if operator not in (*_MIRRORED, "between", "begins_with"):
        raise Fault(f"Invalid operator used in KeyConditionExpression: {_shown(operator)}")
    if operator in ("between", "begins_with") and operands[0][0] != "path":
        raise Fault(
            f"Invalid condition in KeyConditionExpression: {_shown(operator)} operator must have the key attribute "
            "as its first operand"
        )
    position = _key_position(operands)
    (name,) = operands[position][1:]
    values = tuple(operand[1] for operand in operands if operand[0] == "value")
    return AttributeCondition(
        attribute=names.get(name, name),
        operator=_sort_operator(operator if position == 0 else _MIRRORED[operator]),
        values=values,
    )


def _key_position(operands: Sequence[Node]) -> int:
    """Return where among the operands the one path stands, which must be a top-level attribute."""
    position = None
    for index, operand in enumerate(operands):
        if operand[0] == "call":
            raise Fault("KeyConditionExpressions cannot contain nested operations")
        if operand[0] != "path":
            continue
        if position is not None:
            raise Fault("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
        if len(operand) > 2:
            raise Fault("KeyConditionExpressions cannot have conditions on nested attributes")
        position = index
    if position is None:
        raise Fault("Invalid condition in KeyConditionExpression: No key attribute specified")
    return position


def _sort_operator(operator: str) -> SortOperator:
    match operator:
        case "=" | "<" | "<=" | ">" | ">=" | "begins_with":
            return operator
    return "BETWEEN"


def _shown(operator: str) -> str:
    return operator.upper() if operator in ("or", "not", "in", "between") else operator


def _empty_key_value(key: KeyAttribute, index: str) -> StoreError:
    kind = "binary" if key.type == "B" else "string"
    if index:
        return validation_error(
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
            f"The AttributeValue for a key attribute cannot contain an empty {kind} value. "
            f"IndexName: {index}, IndexKey: {key.name}"
        )
    return validation_error(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
        f"{kind} value. Key: {key.name}"
    )
