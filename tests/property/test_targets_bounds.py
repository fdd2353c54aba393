"""Bounds of pages against a plain model: which rows of an index a condition on its sort attributes takes, and in which order."""

from base64 import b64encode
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
from hypothesis import given

from router.expressions.keys import SortCondition, SortOperator
from router.operations.targets import IndexTarget, TableTarget, Target
from wire.indexes import key_members, row_key
from wire.items import AttributeValue
from wire.keys import AttributeType, ItemKey, encode_key_value
from wire.tables import IndexSpec, KeyAttribute, KeySchema, TableNumber, TableSpec, TableStatus

TYPES: tuple[AttributeType, ...] = ("S", "N", "B")
# Few letters, among them the bytes that segments escape and end with, so that values begin with one another and are equal.
TEXTS = st.text(alphabet="\x00\x01\x02a\xff", min_size=1, max_size=4)
NUMBERS = st.sampled_from(["-10", "-1", "-0.5", "0", "0.5", "1", "2", "10"])
PARTITION = KeyAttribute("pk", "S")

Values = tuple[str, ...]


def _value(type_: AttributeType) -> st.SearchStrategy[str]:
    match type_:
        case "S":
            return TEXTS
        case "N":
            return NUMBERS
        case "B":
            return st.binary(min_size=1, max_size=3).map(lambda raw: b64encode(raw).decode())


def _comparable(type_: AttributeType, text: str) -> Any:
    return Decimal(text) if type_ == "N" else encode_key_value(type_, text)


@st.composite
def _cases(draw: st.DrawFn) -> tuple[tuple[AttributeType, ...], list[tuple[Values, str]], tuple[SortCondition, ...]]:
    """Draw the types of sort attributes, rows of values with the table's sort key, and conditions on the first of the attributes."""
    types = tuple(draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=3)))
    row = st.tuples(st.tuples(*map(_value, types)), TEXTS)
    rows = draw(st.lists(row, min_size=1, max_size=12, unique=True))
    conditions: list[SortCondition] = []
    count = draw(st.integers(0, len(types)))
    for position, type_ in enumerate(types[:count]):
        operators: list[SortOperator] = ["="]
        if position == count - 1:
            operators += ["<", "<=", ">", ">=", "BETWEEN", *(["begins_with"] if type_ != "N" else [])]  # type: ignore[list-item]
        operator = draw(st.sampled_from(operators))
        near = st.one_of(st.sampled_from([values[position] for values, _ in rows]), _value(type_))
        texts = [draw(near) for _ in range(2 if operator == "BETWEEN" else 1)]
        texts.sort(key=lambda text, kind=type_: _comparable(kind, text))  # type: ignore[misc]
        given_values: tuple[AttributeValue, ...] = tuple({type_: text} for text in texts)
        conditions.append(SortCondition(operator=operator, values=given_values))
    return types, rows, tuple(conditions)


def _holds(type_: AttributeType, condition: SortCondition, text: str) -> bool:
    value = _comparable(type_, text)
    first, *second = [_comparable(type_, str(each[type_])) for each in condition.values]
    match condition.operator:
        case "=":
            return bool(value == first)
        case "<":
            return bool(value < first)
        case "<=":
            return bool(value <= first)
        case ">":
            return bool(value > first)
        case ">=":
            return bool(value >= first)
        case "BETWEEN":
            return bool(first <= value <= second[0])
        case "begins_with":
            return bool(value.startswith(first))


def _table(sort: AttributeType = "S", *indexes: IndexSpec) -> TableSpec:
    schema = KeySchema(PARTITION, KeyAttribute("sk", sort))
    return TableSpec(
        number=TableNumber(1),
        name="t",
        table_id="id",
        status=TableStatus.ACTIVE,
        key_schema=schema,
        created_ms=1,
        indexes=indexes,
    )


def _taken(target: Target, conditions: tuple[SortCondition, ...], keys: list[ItemKey]) -> list[ItemKey]:
    bounds = target.bounds(conditions)
    return [key for key in sorted(keys, key=lambda key: key.sort) if bounds.hold(key.sort)]


# Rows of an index: those that the condition is true of, in the order of all sort attributes and then of the table's key.
@given(case=_cases(), is_local=st.booleans())
def test_index_bounds(case: Any, is_local: bool) -> None:
    types, rows, conditions = case
    sort = tuple(KeyAttribute(f"s{position}", type_) for position, type_ in enumerate(types))
    partition = PARTITION if is_local else KeyAttribute("g", "S")
    index = IndexSpec(number=1, name="index", is_local=is_local, partition=(partition,), sort=sort)
    target = IndexTarget(_table("S", index), index)
    by_key = {}
    for values, sk in rows:
        encoded = [encode_key_value(type_, text) for type_, text in zip(types, values, strict=True)]
        by_key[row_key(index, [b"p"], encoded, ItemKey(b"p", sk.encode()))] = (values, sk)
    expected = [
        row
        for row in by_key.values()
        if all(_holds(types[position], condition, row[0][position]) for position, condition in enumerate(conditions))
    ]
    expected.sort(
        key=lambda row: (
            *(_comparable(type_, text) for type_, text in zip(types, row[0], strict=True)),
            row[1].encode(),
        )
    )
    assert [by_key[key] for key in _taken(target, conditions, list(by_key))] == expected


# Items of a table, by the same model.
@given(case=_cases())
def test_table_bounds(case: Any) -> None:
    types, rows, conditions = case
    target = TableTarget(_table(types[0]))
    by_key = {ItemKey(b"p", encode_key_value(types[0], values[0])): values[0] for values, _ in rows}
    wanted = conditions[:1]
    expected = [text for text in by_key.values() if all(_holds(types[0], each, text) for each in wanted)]
    expected.sort(key=lambda text: _comparable(types[0], text))
    assert [by_key[key] for key in _taken(target, wanted, list(by_key))] == expected


# A page can go on from where LastEvaluatedKey says it ended.
@given(case=_cases())
def test_a_page_goes_on_where_it_ended(case: Any) -> None:
    types, rows, _ = case
    sort = tuple(KeyAttribute(f"s{position}", type_) for position, type_ in enumerate(types))
    index = IndexSpec(number=1, name="index", is_local=False, partition=(KeyAttribute("g", "S"),), sort=sort)
    target = IndexTarget(_table("S", index), index)
    values, sk = rows[0]
    encoded = [encode_key_value(type_, text) for type_, text in zip(types, values, strict=True)]
    key = row_key(index, [b"g"], encoded, ItemKey(b"p", sk.encode()))
    shown = target.members(key)
    assert shown == key_members(target.spec.key_schema, index, key)
    target.require_start(shown)
    assert target.start(shown).key == key
