"""Whatever a client sends as an expression, it gets a tree or a validation error, nothing else."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from router.expressions.request import RequestExpressions
from tests.support.attribute_values import raw_values
from wire.errors import ErrorCode, StoreError
from wire.keys import AttributeType
from wire.tables import KeyAttribute, KeySchema

MARKS = [*"()()[],,..=<>+-#:_'{}", "<>", "<=", ">=", "é", '"', "\\", "[0]", "[1]"]
NAMES = ["a", "b.c", "#n", "#m", ":v", ":w", "name", "12"]
KEYWORDS = ["AND", "or", "NOT", "between", "IN", "SET", "remove", "ADD", "delete"]
CALLS = ["attribute_exists(", "attribute_type(", "begins_with(", "contains(", "size(", "if_not_exists(", "unknown("]
WORDS = [*MARKS, *NAMES, *NAMES, *KEYWORDS, *CALLS]

soups = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
words = st.one_of(soups, st.text(max_size=30), st.text("ab.#:()[]=<>,+-01 \t\n", max_size=40))
placeholders = st.fixed_dictionaries({":v": raw_values, ":w": raw_values})


def refusal_of(parse: Callable[[], object]) -> str | None:
    """Return what is said against a request, or None where nothing is."""
    try:
        parse()
    except StoreError as error:
        return str(error)
    return None


def parse_all(request: RequestExpressions, text: str, type_: AttributeType) -> list[str]:
    """Parse a text as everything it could be; return what was said against it."""
    schema = KeySchema(KeyAttribute("a", type_), KeyAttribute("b", type_))
    refusals = [
        refusal_of(lambda: request.condition(text)),
        refusal_of(lambda: request.update(text)),
        refusal_of(lambda: request.projection(text)),
        refusal_of(lambda: request.key_condition(text, schema)),
    ]
    assert all(refusal is None or refusal.startswith(ErrorCode.VALIDATION.value) for refusal in refusals)
    return [refusal for refusal in refusals if refusal is not None]


# A router must outlive its clients' mistakes.
@settings(max_examples=200, deadline=None)
@given(words, placeholders, st.sampled_from(["S", "N", "B"]))
def test_random_texts(text: str, values: dict[str, Any], type_: AttributeType) -> None:
    refusals = parse_all(RequestExpressions({"#n": "name", "#m": "a.b"}, values), text, type_)
    # The languages have nothing in common but a path that is a whole projection.
    assert len(refusals) >= 2
    # What a text became once does not change what is said of it the second time.
    assert parse_all(RequestExpressions({"#n": "name", "#m": "a.b"}, values), text, type_) == refusals


# Names and values are a client's as well.
@settings(deadline=None)
@given(
    st.dictionaries(st.text("#:ab \n", max_size=4), st.text(max_size=3), max_size=3),
    st.dictionaries(words, st.just({"S": "x"}), max_size=2),
)
def test_random_names_and_values(names: dict[str, str], values: dict[str, Any]) -> None:
    refusal = refusal_of(lambda: RequestExpressions(names, values).condition("#a = :a"))
    assert refusal is None or refusal.startswith(ErrorCode.VALIDATION.value)
