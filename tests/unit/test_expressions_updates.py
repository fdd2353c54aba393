"""Updates: sections, paths side by side, and AWS's checks of what is written."""

from typing import Any

import pytest

from router.expressions.request import RequestExpressions
from tests.support.expressions import ONE_OF_EACH_TYPE, Values, refusal, update


def detail(text: str, names: dict[str, str] | None = None, values: Values | None = None) -> str:
    """Return what follows the common beginning of a refused update's text."""
    message = refusal(update, text, names, values)
    assert message.startswith("Invalid UpdateExpression: "), message
    return message.removeprefix("Invalid UpdateExpression: ")


# Sections in any order and case; actions keep the order in which they are written.
def test_sections() -> None:
    tree = update(
        "remove #d, e[0] Set a.b = :v, c = list_append(if_not_exists(c, :l), :l) ADD n :v, s :s delete t :s",
        {"#d": "date"},
        {":v": {"N": "1"}, ":l": {"L": []}, ":s": {"SS": ["x"]}},
    )
    assert tree == [
        "update",
        ["remove", ["p", "date"]],
        ["remove", ["p", "e", 0]],
        ["set", ["p", "a", "b"], ["v", 0]],
        ["set", ["p", "c"], ["list_append", ["if_not_exists", ["p", "c"], ["v", 1]], ["v", 1]]],
        ["add", ["p", "n"], ["v", 0]],
        ["add", ["p", "s"], ["v", 2]],
        ["delete", ["p", "t"], ["v", 2]],
    ]


# A sum or difference of two operands, in parentheses or not.
@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("set a = a + :v", ["+", ["p", "a"], ["v", 0]]),
        ("set a = :v - b.c", ["-", ["v", 0], ["p", "b", "c"]]),
        ("set a = (a - :v)", ["-", ["p", "a"], ["v", 0]]),
        ("set a = if_not_exists(a, :v)+:v", ["+", ["if_not_exists", ["p", "a"], ["v", 0]], ["v", 0]]),
        (
            "set a = if_not_exists(b, if_not_exists(c, :v))",
            ["if_not_exists", ["p", "b"], ["if_not_exists", ["p", "c"], ["v", 0]]],
        ),
    ],
)
def test_sources(text: str, source: list[Any]) -> None:
    assert update(text, values={":v": {"N": "1"}}) == ["update", ["set", ["p", "a"], source]]


# The caller must know which attributes are written: none may be part of the key.
def test_touched_attributes() -> None:
    request = RequestExpressions({"#n": "name"}, {":v": {"N": "1"}})
    expression = request.update("SET #n.x = :v, b[0] = :v REMOVE c, b[1] ADD d.e :v")
    assert expression.attributes == ("name", "b", "c", "d")


# Each section once.
@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("set a = #c set c = :d", "SET"),
        ("remove #d set a = b remove e", "REMOVE"),
        ("add #d :e set a = b add e :f", "ADD"),
        ("delete #d :e set a = b delete #e :f", "DELETE"),
    ],
)
def test_repeated_sections(text: str, section: str) -> None:
    assert detail(text) == f'The "{section}" section can only be used once in an update expression;'


# Functions of the other language, unknown ones, and a list_append inside a function.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set #c = if_not_exist(:c) set c = d", "Invalid function name; function: if_not_exist"),
        ("SET a = LIST_APPEND(b, c)", "Invalid function name; function: LIST_APPEND"),
        ("set a = size(b)", "The function is not allowed in an update expression; function: size"),
        (
            "SET a = list_append(list_append(b, c), d)",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
        (
            "set a = list_append(b)",
            "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1",
        ),
        (
            "set a = if_not_exists(b)",
            "Incorrect number of operands for operator or function; operator or function: if_not_exists, number of operands: 1",
        ),
        (
            "set a = list_append(b, c, d)",
            "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 3",
        ),
        (
            "set a = if_not_exists(if_not_exists(a, b), c)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
    ],
)
def test_functions(text: str, message: str) -> None:
    assert detail(text) == message


# Names first, then values.
def test_undefined_placeholders() -> None:
    names, values = {"#a": "a"}, {":a": {"S": "a"}}
    assert detail("SET #c = if_not_exists(:c)", names, values) == (
        "An expression attribute name used in the document path is not defined; attribute name: #c"
    )
    assert detail("SET #a = if_not_exists(:c)", names, values) == (
        "An expression attribute value used in expression is not defined; attribute value: :c"
    )
    assert detail("SET a = :c, b = #c", names, values).endswith("attribute name: #c")


# Two actions may not write to the same place, nor one to a place inside the other's.
@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("SET a = b, a = c", "[a]", "[a]"),
        ("SET a = b REMOVE a", "[a]", "[a]"),
        ("SET #c = a, c = b", "[c]", "[c]"),
        ("SET a = x, a.b = x", "[a]", "[a, b]"),
        ("SET a.b = x, a = x", "[a, b]", "[a]"),
        ("SET a.b.c = x, a.b.d = x, a.b = x", "[a, b, c]", "[a, b]"),
        ("SET a[1] = x, a[1][2] = x", "[a, [1]]", "[a, [1], [2]]"),
        ("set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a)", "[c, [1], a]", "[c]"),
        ("set #c[3].#d = a, #c[3] = a", "[c, [3], [3]]", "[c, [3]]"),
    ],
)
def test_overlapping_paths(text: str, first: str, second: str) -> None:
    names = {placeholder: name for placeholder, name in (("#c", "c"), ("#d", "[3]")) if placeholder in text}
    assert detail(text, names or None) == (
        "Two document paths overlap with each other; must remove or rewrite one of these paths; "
        f"path one: {first}, path two: {second}"
    )


# Nothing is a list and a map at once.
@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("SET a.b = x, a[1] = x", "[a, b]", "[a, [1]]"),
        ("set #c[3].#d = a, #c.#d[3] = if_not_exists(a)", "[c, [3], [3]]", "[c, [3], [3]]"),
        ("remove a.#c set a[1] = #d", "[a, c]", "[a, [1]]"),
    ],
)
def test_conflicting_paths(text: str, first: str, second: str) -> None:
    names = {placeholder: name for placeholder, name in (("#c", "c"), ("#d", "[3]")) if placeholder in text}
    assert detail(text, names or None) == (
        "Two document paths conflict with each other; must remove or rewrite one of these paths; "
        f"path one: {first}, path two: {second}"
    )


# Neighbours are fine, in maps and in lists.
def test_paths_side_by_side() -> None:
    assert update("SET a.b = x, a.c.d = x, e[0] = x, e[1].f = x REMOVE a.g, e[2]")


# ADD takes numbers and sets, DELETE takes sets; of both AWS names the set of types that ADD takes (floci's captures, eu-west-2, 2026-09-17,
# which have BOOL, LIST, NUMBER and STRING; the other words are dynalite's).
@pytest.mark.parametrize(
    ("keyword", "wrong"),
    [
        ("ADD", {"S": "STRING", "B": "BINARY", "NULL": "NULL", "BOOL": "BOOL", "M": "MAP", "L": "LIST"}),
        (
            "DELETE",
            {"S": "STRING", "B": "BINARY", "NULL": "NULL", "BOOL": "BOOL", "M": "MAP", "L": "LIST", "N": "NUMBER"},
        ),
    ],
)
def test_types_to_add_and_delete(keyword: str, wrong: dict[str, str]) -> None:
    for found, word in wrong.items():
        assert detail(f"{keyword} a.b :a", values={":a": ONE_OF_EACH_TYPE[found]}) == (
            f"Incorrect operand type for operator or function; operator: {keyword}, operand type: {word}, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND"
        )
    for right in ONE_OF_EACH_TYPE.keys() - wrong:
        assert update(f"{keyword} a.b :a", values={":a": ONE_OF_EACH_TYPE[right]})


# list_append takes lists; sums and differences take numbers.
@pytest.mark.parametrize(
    ("text", "operator", "right"),
    [
        ("set a = list_append(:a, b)", "list_append", "L"),
        ("set a = list_append(b, :a)", "list_append", "L"),
        ("set a = b + :a", "+", "N"),
        ("set a = :a - b", "-", "N"),
    ],
)
def test_types_of_sources(text: str, operator: str, right: str) -> None:
    for found, value in ONE_OF_EACH_TYPE.items():
        if found == right:
            assert update(text, values={":a": value})
        else:
            assert detail(text, values={":a": value}) == (
                "Incorrect operand type for operator or function; "
                f"operator or function: {operator}, operand type: {found}"
            )


# Each check runs over the whole text before the next begins.
@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("set a = f(:s) set name = b", "Attribute name is a reserved keyword"),
        ("set a = f(:s) set b = c", "Invalid function name"),
        ("set a = b set #x = :x", 'The "SET" section'),
        ("set a = :x, #x = b", "An expression attribute name"),
        ("set a = :x, a = b", "An expression attribute value"),
        ("set a = b, a = c + :s", "Two document paths overlap"),
        (
            "set b = list_append(:s, a), c = if_not_exists(a) add a.b :s",
            "Incorrect operand type for operator or function; operator: ADD",
        ),
        ("set c = if_not_exists(a) add d :n", "Incorrect number of operands"),
    ],
)
def test_order_of_checks(text: str, beginning: str) -> None:
    assert detail(text, values={":s": {"S": "a"}, ":n": {"N": "1"}}).startswith(beginning)
