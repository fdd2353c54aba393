"""JSON read piece by piece against orjson at once: the same values, and the same texts refused."""

import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.http.json_pieces import DEPTH_MAX, TEXT_BYTES_MAX, is_dense, parsed_in_pieces

_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.sampled_from('ab"\\,:{}[] é\n𐍈'), max_size=6),
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda parts: st.one_of(st.lists(parts, max_size=6), st.dictionaries(st.text(max_size=3), parts, max_size=6)),
    max_leaves=40,
)
_PIECES = st.integers(1, 40)


def _outcome(text: bytes, piece_bytes: int | None = None) -> Any:
    """Return the value, or that there is none."""
    try:
        return orjson.loads(text) if piece_bytes is None else parsed_in_pieces(text, piece_bytes)
    except orjson.JSONDecodeError:
        return "malformed", "text"


# Whatever is JSON is read as orjson reads it, wherever it is cut.
@given(value=_VALUES, piece_bytes=_PIECES, indented=st.booleans())
def test_values_are_those_of_orjson(value: Any, piece_bytes: int, indented: bool) -> None:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else 0)
    assert parsed_in_pieces(text, piece_bytes) == orjson.loads(text)


# Whatever is not, is refused: a cut may hide no comma too many, no bracket and no name that is missing.
@given(value=_VALUES, piece_bytes=_PIECES, seed=st.integers(0, 1 << 30))
def test_malformed_texts_are_those_of_orjson(value: Any, piece_bytes: int, seed: int) -> None:
    text, randomness = bytearray(orjson.dumps(value)), random.Random(seed)
    for _ in range(randomness.randrange(1, 4)):
        at = randomness.randrange(len(text) + 1)
        text[at : at + randomness.randrange(3)] = randomness.choice(
            (b"", b",", b"[", b"]", b"{", b"}", b":", b'"', b"\\", b" ", b"1", b"null", b'"a":', b"[]", b"{},", b"\xff")
        )
    assert _outcome(bytes(text), piece_bytes) == _outcome(bytes(text))


# Texts made of nothing but structure, where most cuts go wrong if any does.
@given(text=st.text('[]{},:"1 ', max_size=14), piece_bytes=st.integers(1, 4))
def test_any_structure(text: str, piece_bytes: int) -> None:
    assert _outcome(text.encode(), piece_bytes) == _outcome(text.encode())


# A name that stands twice has its last value, at its first place, also when a cut lies between.
@pytest.mark.parametrize("piece_bytes", range(1, 30))
def test_names_that_stand_twice(piece_bytes: int) -> None:
    text = b'{"a":[1,2,3,4],"b":{"c":1,"d":[5,6]},"a":{"x":[7,8]},"b":2,"e":[]}'
    assert list(parsed_in_pieces(text, piece_bytes).items()) == list(orjson.loads(text).items())


# What no request may hold is refused before anybody builds it.
@pytest.mark.parametrize(
    "text", [b"[" * (DEPTH_MAX + 1), b'["%b"]' % (b"x" * (TEXT_BYTES_MAX + 1)), b'["' + b"\\" * 100]
)
def test_what_is_too_much(text: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        parsed_in_pieces(text, 16)


# Plain items of any size but the largest are read at once; many small values are not.
def test_what_is_dense() -> None:
    assert not is_dense(orjson.dumps({"a": ["x" * 100_000] * 9}))
    assert is_dense(orjson.dumps([[]] * 10_000))
    assert is_dense(orjson.dumps(["x" * (1 << 20)]))
