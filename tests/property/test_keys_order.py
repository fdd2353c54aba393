"""Key bytes sort like key values, and come back as they were."""

from base64 import b64encode
from decimal import Decimal
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.keys import decode_key_value, encode_key_value, split_ring, token_of
from wire.numbers import (
    EXPONENT_MAX,
    EXPONENT_MIN,
    NumberError,
    add_numbers,
    canonical_number,
    decode_number,
    encode_number,
    subtract_numbers,
)


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """Draw a number in free notation anywhere in the range of DynamoDB, close neighbours included."""
    digits = draw(st.one_of(st.integers(0, 99), st.integers(0, 10**38 - 1)))
    width = len(str(digits))
    exponent = draw(st.integers(EXPONENT_MIN, EXPONENT_MAX)) - (width - 1)
    sign = draw(st.sampled_from(["", "-", "+"]))
    return f"{sign}{digits}E{exponent}"


# The whole point of the encoding: the engine compares bytes and gets the order of values.
@given(numbers(), numbers())
def test_number_bytes_sort_like_numbers(left: str, right: str) -> None:
    left_bytes, right_bytes = (encode_number(canonical_number(text)) for text in (left, right))
    assert (left_bytes < right_bytes) == (Decimal(left) < Decimal(right))
    assert (left_bytes == right_bytes) == (Decimal(left) == Decimal(right))


# Neighbours in the last digit are where packing and padding would go wrong.
@given(st.integers(-(10**38) + 1, 10**38 - 2), st.integers(0, 20))
def test_neighbouring_integers_stay_apart(number: int, zeros: int) -> None:
    scale = "0" * zeros
    left = encode_number(canonical_number(f"{number}{scale}"))
    right = encode_number(canonical_number(f"{number + 1}{scale}"))
    assert left < right


# Keys are decoded back into what the user sees, exactly.
@given(numbers())
def test_number_survives_encoding(text: str) -> None:
    canonical = canonical_number(text)
    assert Decimal(canonical) == Decimal(text)
    assert decode_number(encode_number(canonical)) == canonical
    assert len(encode_number(canonical)) <= 22
    assert not set(canonical) - set("-.0123456789")


# No encoded number begins another one, so that numbers can be put before other key parts.
@given(numbers(), numbers())
def test_no_number_begins_another(left: str, right: str) -> None:
    left_bytes, right_bytes = (encode_number(canonical_number(text)) for text in (left, right))
    assert left_bytes == right_bytes or not right_bytes.startswith(left_bytes)


# Any text at all is either a number as Decimal knows it, or refused with a NumberError.
@given(st.text(alphabet="0123456789+-.eE _٣\n", max_size=12))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        canonical = canonical_number(text)
    except NumberError:
        return
    assert Decimal(canonical) == Decimal(text)


# Numbers that are close to one another in size, so that their sums often have all of the 38 digits, or just more.
@st.composite
def addends(draw: st.DrawFn) -> tuple[str, str]:
    exponent = draw(st.integers(EXPONENT_MIN, EXPONENT_MAX - 37))
    digits = st.one_of(st.integers(-(10**38) + 1, 10**38 - 1), st.sampled_from([10**38 - 1, 1, -1, 10**37]))
    apart = draw(st.integers(-2, 2))
    return f"{draw(digits)}E{exponent}", f"{draw(digits)}E{min(max(exponent + apart, EXPONENT_MIN), EXPONENT_MAX - 37)}"


# Sums are those of exact arithmetic, and refused when, and only when, they do not fit.
@given(st.one_of(st.tuples(numbers(), numbers()), addends()))
def test_sums_are_exact_or_refused(pair: tuple[str, str]) -> None:
    left, right = map(canonical_number, pair)
    for operation, sign in ((add_numbers, 1), (subtract_numbers, -1)):
        exact = _scaled(left) + sign * _scaled(right)
        misfit = _misfit(exact)
        if misfit is None:
            assert _scaled(operation(left, right)) == exact
        else:
            with pytest.raises(NumberError, match=misfit):
                operation(left, right)


def _misfit(scaled: int) -> str | None:
    """Return how AWS begins to say that the result of a calculation, in the units of `_scaled`, cannot be stored."""
    digits = str(abs(scaled))
    exponent = len(digits) - 1 - 200
    if scaled == 0:
        return None
    if exponent > EXPONENT_MAX:
        return "Number overflow"
    if exponent < EXPONENT_MIN:
        return "Number underflow"
    return "Number overflow" if len(digits.rstrip("0")) > 38 else None


def _scaled(text: str) -> int:
    """Return the number as an integer of units so small that none has a fraction."""
    sign, digits, exponent = Decimal(text).as_tuple()
    assert isinstance(exponent, int)
    return int("".join(map(str, digits))) * 10 ** (exponent + 200) * (-1 if sign else 1)


# UTF-8 keeps the order of code points, beyond the first plane too, where UTF-16 would not.
@given(st.text(), st.text())
def test_string_bytes_sort_like_code_points(left: str, right: str) -> None:
    encode = partial(encode_key_value, "S")
    assert (encode(left) < encode(right)) == (list(map(ord, left)) < list(map(ord, right)))
    assert decode_key_value("S", encode(left)) == left


# Binary keys are themselves, the empty one included.
@given(st.binary())
def test_binary_survives_encoding(raw: bytes) -> None:
    text = b64encode(raw).decode("ascii")
    assert encode_key_value("B", text) == raw
    assert decode_key_value("B", raw) == text


# Every hash belongs to exactly one partition of the ring.
@given(st.binary(min_size=16, max_size=16), st.integers(1, 50))
def test_every_hash_has_one_range(hashed: bytes, count: int) -> None:
    token = token_of(hashed)
    assert sum(token in each for each in split_ring(count)) == 1
