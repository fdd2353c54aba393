"""Parameters older than expressions mean what a plain reading of AWS's guide says, once they are trees and evaluated."""

from base64 import b64decode
from decimal import Context, Decimal
from typing import Any

import orjson
from hypothesis import event, given, settings
from hypothesis import strategies as st

from node.items.conditions import compiled_condition
from node.items.updates import compiled_update
from router.operations.legacy_parameters import legacy_filter, legacy_write
from tests.support.attribute_values import items, names, numbers, raw_values, scalars, sets, texts
from wire.errors import StoreError
from wire.items import AttributeValue, Item, normalized_value

EXACT = Context(prec=300)
KEY: Item = {"pk": {"S": "k"}}
SETS = ("SS", "NS", "BS")
ONE = ("EQ", "NE", "LE", "LT", "GE", "GT", "CONTAINS", "NOT_CONTAINS", "BEGINS_WITH")

Condition = dict[str, Any]


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Draw a condition, most of them valid ones."""
    operator = draw(st.sampled_from([*ONE, "IN", "BETWEEN", "NULL", "NOT_NULL"]))
    arguments = draw(st.lists(scalars, min_size=1, max_size=3))
    if operator in ONE:
        plain = st.one_of(scalars, texts.map(lambda text: {"S": text}))
        arguments = [draw(raw_values if operator in ("EQ", "NE") else plain)]
    elif operator == "BETWEEN":
        arguments = [draw(scalars)] * 2 if draw(st.booleans()) else draw(st.lists(scalars, min_size=2, max_size=2))
    elif operator != "IN":
        arguments = []
    return {"ComparisonOperator": operator, "AttributeValueList": arguments}


def plain(value: AttributeValue) -> Any:
    """Return a value as Python has it, its type before it; equal things are equal."""
    ((kind, payload),) = value.items()
    match kind:
        case "N":
            return kind, Decimal(payload)
        case "B":
            return kind, b64decode(payload)
        case "SS":
            return kind, frozenset(payload)
        case "NS":
            return kind, frozenset(map(Decimal, payload))
        case "BS":
            return kind, frozenset(map(b64decode, payload))
        case "L":
            return kind, tuple(map(plain, payload))
        case "M":
            return kind, tuple(sorted((name, plain(member)) for name, member in payload.items()))
    return kind, payload


def holds(condition: Condition, value: AttributeValue | None) -> bool:
    """Return what a condition says of an attribute, which may be missing."""
    operator = condition["ComparisonOperator"]
    arguments = [plain(argument) for argument in condition["AttributeValueList"]]
    if value is None:
        return operator in ("NULL", "NE")
    kind, payload = found = plain(value)
    match operator:
        case "NULL" | "NOT_NULL":
            return bool(operator == "NOT_NULL")
        case "EQ" | "NE":
            return bool((found == arguments[0]) is (operator == "EQ"))
        case "IN":
            return found in arguments
        case "CONTAINS" | "NOT_CONTAINS":
            return has(kind, payload, *arguments[0]) is (operator == "CONTAINS")
    if kind != arguments[0][0]:
        return False
    bounds = [argument for _, argument in arguments]
    match operator:
        case "BEGINS_WITH":
            return bool(payload[: len(bounds[0])] == bounds[0])
        case "BETWEEN":
            return bool(bounds[0] <= payload <= bounds[1])
        case "LE":
            return bool(payload <= bounds[0])
        case "LT":
            return bool(payload < bounds[0])
        case "GE":
            return bool(payload >= bounds[0])
    return bool(payload > bounds[0])


def has(kind: str, payload: Any, part_kind: str, part: Any) -> bool:
    """Return whether a value has a part: a substring, a member of a set, or an element."""
    if kind == "L":
        return (part_kind, part) in payload
    if kind in SETS:
        return kind == f"{part_kind}S" and part in payload
    return kind == part_kind and kind in ("S", "B") and part in payload


@st.composite
def judged(draw: st.DrawFn) -> tuple[dict[str, Condition], Item]:
    """Draw conditions, and an item whose attributes often are what the conditions ask for, or hold it."""
    given = draw(st.dictionaries(names, conditions(), min_size=1, max_size=3))
    item = draw(items)
    for name, condition in given.items():
        near = [normalized_value(argument) for argument in condition["AttributeValueList"]]
        near += [{"L": [value]} for value in near]
        near += [{f"{kind}S": [text]} for value in near for kind, text in value.items() if kind in ("S", "N", "B")]
        if near and draw(st.integers(0, 2)):
            item[name] = draw(st.sampled_from(near))
    return given, item


# All thirteen operators, joined by AND and OR, on what is there and on what is missing.
@settings(max_examples=300, deadline=None)
@given(judged(), st.sampled_from([None, "AND", "OR"]))
def test_conditions_agree_with_a_plain_reading(drawn: tuple[dict[str, Condition], Item], joined: str | None) -> None:
    given, item = drawn
    body = {"ScanFilter": given, "Expected": given} | ({"ConditionalOperator": joined} if joined else {})
    try:
        tree, values = legacy_filter(body, "ScanFilter")
    except StoreError as error:
        event(error.message[:60])
        return
    truths = [holds(condition, item.get(name)) for name, condition in given.items()]
    expected = any(truths) if joined == "OR" else all(truths)
    event(str(expected))
    assert compiled_condition(tree)(item, orjson.loads(values)) is expected
    write = legacy_write(body)
    assert write is not None
    assert compiled_condition(write.condition)(item, orjson.loads(write.values)) is expected


addable = st.one_of(
    numbers.map(lambda text: {"N": text}), sets, st.lists(scalars, max_size=2).map(lambda elements: {"L": elements})
)


@st.composite
def attribute_updates(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an AttributeUpdates; a few of its actions cannot take what they are given."""
    updates = {}
    for name in draw(st.sets(names, min_size=1, max_size=3)):
        action = draw(st.sampled_from(["PUT", "ADD", "DELETE", None]))
        update: dict[str, Any] = {} if action is None else {"Action": action}
        if action != "DELETE" or draw(st.booleans()):
            fitting = {"ADD": addable, "DELETE": sets}.get(str(action), raw_values)
            update["Value"] = draw(fitting if draw(st.integers(0, 9)) else raw_values)
        updates[name] = update
    return updates


@st.composite
def items_to_update(draw: st.DrawFn, updates: dict[str, Any]) -> Item | None:
    """Draw an item, or none; what is to be added to or deleted from is often there and of the same type."""
    if not draw(st.integers(0, 4)):
        return None
    item = KEY | draw(items)
    for name, update in updates.items():
        if draw(st.integers(0, 3)):
            same = update.get("Value", {"N": "1"})
            kinds = same.keys() & {"N", "L", *SETS}
            alike = addable.filter(lambda value, kinds=kinds: not kinds or value.keys() == kinds)
            item[name] = normalized_value(draw(st.one_of(st.just(same), alike, addable)))
    return item


def updated(updates: dict[str, Any], old: Item | None) -> Item | str | None:
    """Return the item after an update, None where there still is none, or the word for which it is refused."""
    new = dict(old or KEY)
    for name, update in updates.items():
        action = update.get("Action", "PUT")
        value = None if "Value" not in update else normalized_value(update["Value"])
        after = value if action == "PUT" else combined(action, new.get(name), value)
        if isinstance(after, str):
            return after
        if after is None:
            new.pop(name, None)
        else:
            new[name] = after
    makes = any(update.get("Action", "PUT") != "DELETE" for update in updates.values())
    return new if old is not None or makes else None


def combined(action: str, current: AttributeValue | None, value: AttributeValue | None) -> AttributeValue | str | None:
    """Return what ADD or DELETE leaves of an attribute, or the word for which it is refused."""
    if value is None:
        return None
    ((kind, payload),) = value.items()
    if current is None:
        return value if action == "ADD" else None
    if kind not in current:
        return "type"
    if kind == "N":
        total = EXACT.add(Decimal(current["N"]), Decimal(payload))
        return fitting(total)
    if kind == "L":
        return {"L": current["L"] + payload}
    both = set(current[kind]) | set(payload) if action == "ADD" else set(current[kind]) - set(payload)
    return normalized_value({kind: sorted(both)}) if both else None


def fitting(total: Decimal) -> AttributeValue | str:
    """Return a sum in canonical form, or the word for which it is refused."""
    digits = "".join(map(str, total.as_tuple().digits)).strip("0")
    if total and (len(digits) > 38 or not -130 <= total.adjusted() <= 125):
        return "number"
    return normalized_value({"N": f"{total:f}"})


REASONS = {
    "Type mismatch for attribute to update": "type",
    "Number overflow. Attempting to store a number with magnitude larger than supported range": "number",
    "Number underflow. Attempting to store a number with magnitude smaller than supported range": "number",
}


# Every action on every type, on what is there, what is missing, and where there is no item.
@settings(max_examples=300, deadline=None)
@given(st.data(), attribute_updates())
def test_updates_agree_with_a_plain_model(data: st.DataObject, updates: dict[str, Any]) -> None:
    old = data.draw(items_to_update(updates))
    try:
        write = legacy_write({"AttributeUpdates": updates})
    except StoreError as error:
        event(error.message[:60])
        return
    assert write is not None
    assert write.attributes == tuple(updates)
    expected = updated(updates, old)
    event(expected if isinstance(expected, str) else "applied")
    try:
        found: Any = compiled_update(write.update).apply(old, KEY, orjson.loads(write.values))
    except StoreError as error:
        found = REASONS[error.message]
    assert found == expected
