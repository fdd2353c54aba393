"""The normal form of items: it is reached at once, is one for equal values, and is measured right."""

from base64 import b64decode
from decimal import Decimal
from random import Random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.attribute_values import raw_items, raw_values
from wire.errors import StoreError
from wire.items import ATTRIBUTE_TYPES, AttributeValue, Item, item_size, normalized_item, normalized_value


def shuffled(value: AttributeValue, random: Random) -> AttributeValue:
    """Return the same value as another client might write it: sets and maps in another order, numbers otherwise."""
    ((kind, payload),) = value.items()
    match kind:
        case "N":
            return {"N": f"{Decimal(payload):.200f}" if random.random() < 0.5 else f"{Decimal(payload):E}"}
        case "SS" | "BS":
            return {kind: random.sample(payload, len(payload))}
        case "NS":
            return {kind: [f"{Decimal(member):E}" for member in random.sample(payload, len(payload))]}
        case "L":
            return {kind: [shuffled(element, random) for element in payload]}
        case "M":
            names = random.sample(sorted(payload), len(payload))
            return {kind: {name: shuffled(payload[name], random) for name in names}}
    return value


def plain_size(kind: str, payload: Any) -> int:
    """Measure a value by the rules as they are written down."""
    match kind:
        case "S":
            return len(payload.encode())
        case "B":
            return len(b64decode(payload))
        case "N":
            return number_cost(Decimal(payload))
        case "BOOL" | "NULL":
            return 1
        case "SS" | "NS" | "BS":
            return sum(plain_size(kind[0], member) for member in payload)
        case "L":
            return 3 + sum(1 + plain_size(*next(iter(element.items()))) for element in payload)
    return 3 + sum(1 + len(name.encode()) + plain_size(*next(iter(value.items()))) for name, value in payload.items())


def number_cost(number: Decimal) -> int:
    """Cost one byte, one for each pair of digits on each side of the point, and one for a sign."""
    if not number:
        return 1
    whole, _, fraction = f"{number.copy_abs():f}".partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    if not fraction:
        whole = whole.rstrip("0")
    if not whole:
        fraction = fraction.lstrip("0")
    return 1 + -(-len(whole) // 2) + -(-len(fraction) // 2) + (number < 0)


# A stored body is never normalized again, so once must be enough.
@settings(deadline=None)
@given(raw_items)
def test_normal_form_is_final(item: Item) -> None:
    form, size = normalized_item(item)
    assert normalized_item(form) == (form, size)
    assert orjson.loads(orjson.dumps(form)) == form


# Replicas and conditions compare forms: equal values must come to the same one.
@settings(deadline=None)
@given(raw_values, st.integers(0, 2**32))
def test_equal_values_have_one_form(value: AttributeValue, seed: int) -> None:
    form, other = normalized_value(value), normalized_value(shuffled(value, Random(seed)))
    assert form == other


# Users are billed by this number.
@settings(deadline=None)
@given(raw_items)
def test_sizes(item: Item) -> None:
    form, size = normalized_item(item)
    assert size == item_size(form)
    assert size == plain_size("M", form) - 3 - len(form)


json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(ATTRIBUTE_TYPES), st.text(max_size=2)), inner, max_size=3),
    ),
    max_leaves=8,
)


# Whatever JSON a client sends in an item's place, it is an item or refused with a reason.
@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=2), json, max_size=3))
def test_random_json(item: Any) -> None:
    try:
        form, size = normalized_item(item)
    except StoreError:
        return
    assert normalized_item(form) == (form, size)
