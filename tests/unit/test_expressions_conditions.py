"""Conditions: AWS's checks of functions and operands, in its order and its words."""

import pytest

from tests.support.expressions import ONE_OF_EACH_TYPE, Values, condition, refusal


def detail(text: str, names: dict[str, str] | None = None, values: Values | None = None) -> str:
    """Return what follows the common beginning of a refused condition's text."""
    message = refusal(condition, text, names, values)
    assert message.startswith("Invalid ConditionExpression: "), message
    return message.removeprefix("Invalid ConditionExpression: ")


# Function names are case sensitive, and each language has its own.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = b and whatever((:things)) > a", "Invalid function name; function: whatever"),
        ("attRIbute_exIsts((things), #a)", "Invalid function name; function: attRIbute_exIsts"),
        ("if_not_exists(a, b) = c", "The function is not allowed in a condition expression; function: if_not_exists"),
        ("list_append(a, b) = c", "The function is not allowed in a condition expression; function: list_append"),
    ],
)
def test_function_names(text: str, message: str) -> None:
    assert detail(text) == message


# size is an operand, all other functions are conditions.
@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("a = b and attribute_exists((things), (#a)) > b", "attribute_exists"),
        ("attribute_not_exists(things) > b", "attribute_not_exists"),
        ("attribute_type(things, :a) > b", "attribute_type"),
        ("begins_with(things, a) > b", "begins_with"),
        ("contains(:things, c) > b", "contains"),
        ("size(contains(a, b)) > a", "contains"),
        ("size(things)", "size"),
        ("a = b OR NOT size(things)", "size"),
        ("a between b and attribute_exists(things)", "attribute_exists"),
        ("a in (b, attribute_exists(things))", "attribute_exists"),
        ("attribute_exists(begins_with(a, b))", "begins_with"),
    ],
)
def test_misused_functions(text: str, function: str) -> None:
    assert detail(text) == f"The function is not allowed to be used this way in an expression; function: {function}"


# The first placeholder of a comparison that is not defined, names and values alike.
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("attribute_exists(#Pictures.RearView, :a) and a = b", "#Pictures"),
        ("begins_with(Pictures.#RearView)", "#RearView"),
        ("(#P between :lo and :hi) and (#PC in (:cat1, :cat2))", "#P"),
        ("#4g > a", "#4g"),
        ("#_ > a", "#_"),
        ("(a)between(b.c[45].#d)and(:a)", "#d"),
    ],
)
def test_undefined_names(text: str, name: str) -> None:
    assert detail(text, names={"#x": "x"}) == (
        f"An expression attribute name used in the document path is not defined; attribute name: {name}"
    )


# Values too; and with no values at all the text is the same.
@pytest.mark.parametrize(
    ("text", "value"), [("begins_with(:hello, #a, #b)", ":hello"), (":a < :b", ":a"), (":_ > a", ":_")]
)
def test_undefined_values(text: str, value: str) -> None:
    expected = f"An expression attribute value used in expression is not defined; attribute value: {value}"
    assert detail(text) == expected
    assert detail(text, values={":x": {"S": "x"}}) == expected


# Each function takes its number of operands.
@pytest.mark.parametrize(
    ("text", "function", "count"),
    [
        ("attribute_exists(things, a) and a = b", "attribute_exists", 2),
        ("attribute_not_exists(things, b)", "attribute_not_exists", 2),
        ("attribute_type(things)", "attribute_type", 1),
        ("begins_with(things)", "begins_with", 1),
        ("begins_with(things, size(a), b)", "begins_with", 3),
        ("contains(things)", "contains", 1),
        ("size(things, a) > b", "size", 2),
    ],
)
def test_operand_counts(text: str, function: str, count: int) -> None:
    assert detail(text) == (
        "Incorrect number of operands for operator or function; "
        f"operator or function: {function}, number of operands: {count}"
    )


# A path compared with itself is a slip, so AWS refuses it, after names are resolved; a value with itself is none.
@pytest.mark.parametrize(
    ("text", "operator", "path"),
    [
        ("#a = a", "=", "[a]"),
        ("#a <> a", "<>", "[a]"),
        ("a > #a", ">", "[a]"),
        ("((a = #a) OR (a = b))", "=", "[a]"),
        ("contains(ab.bc[1].a, ab.bc[1].#a)", "contains", "[ab, bc, [1], a]"),
        ("attribute_type(ab.bc[1].#a, ab.bc[1].a)", "attribute_type", "[ab, bc, [1], a]"),
        ("begins_with(ab.bc[1].a, ab.bc[1].#a)", "begins_with", "[ab, bc, [1], a]"),
        ("a between b and #a", "BETWEEN", "[a]"),
        ("a in (b, #a)", "IN", "[a]"),
    ],
)
def test_distinct_operands(text: str, operator: str, path: str) -> None:
    assert detail(text, names={"#a": "a"}) == (
        "The first operand must be distinct from the remaining operands for this operator or function; "
        f"operator: {operator}, first operand: {path}"
    )


# The same value on both sides is the writer's business.
def test_values_need_not_be_distinct() -> None:
    assert condition(":a >= :a", values={":a": {"N": "1"}}) == [">=", ["v", 0], ["v", 0]]


# Types that no item could make right are refused before an item is looked at.
@pytest.mark.parametrize(
    ("text", "operator", "wrong"),
    [
        ("begins_with(a, :a)", "begins_with", "N BOOL NULL L M SS NS BS"),
        ("begins_with(:a, a)", "begins_with", "N BOOL NULL L M SS NS BS"),
        ("attribute_type(a, :a)", "attribute_type", "N B BOOL NULL L M SS NS BS"),
        ("size(:a) > a", "size", "N BOOL NULL"),
        ("a < :a", "<", "BOOL NULL L M SS NS BS"),
        (":a >= a", ">=", "BOOL NULL L M SS NS BS"),
        ("a BETWEEN :a AND b", "BETWEEN", "BOOL NULL L M SS NS BS"),
        ("a between :a and :a", "BETWEEN", "BOOL NULL L M SS NS BS"),
        (":a between a and b", "BETWEEN", "BOOL NULL L M SS NS BS"),
    ],
)
def test_operand_types(text: str, operator: str, wrong: str) -> None:
    for found in wrong.split():
        assert detail(text, values={":a": ONE_OF_EACH_TYPE[found]}) == (
            f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {found}"
        )


# Whatever may be equal may be compared for it, and any value may be sought in a list.
@pytest.mark.parametrize("text", ["a = :a", "a <> :a", "a IN (:a)", "contains(a, :a)", "contains(:a, a)"])
def test_operands_of_any_type(text: str) -> None:
    for value in ONE_OF_EACH_TYPE.values():
        assert condition(text, values={":a": value})


# The size of something is a number.
@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("begins_with(a, size(a)) and a = b", "begins_with"),
        ("attribute_type(a, size(a)) and a = b", "attribute_type"),
        ("size(size(a)) > b", "size"),
    ],
)
def test_size_is_a_number(text: str, function: str) -> None:
    assert detail(text).endswith(f"operator or function: {function}, operand type: N")


# Existence is a question about a place, not about a value.
@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("attribute_exists(:a) and a = b", "attribute_exists"),
        ("attribute_not_exists(size(:a))", "attribute_not_exists"),
    ],
)
def test_path_operands(text: str, function: str) -> None:
    assert detail(text, values={":a": {"S": "1"}}) == (
        f"Operator or function requires a document path; operator or function: {function}"
    )


# A type's name comes from a value, and is one of ten.
def test_type_names() -> None:
    for name in ONE_OF_EACH_TYPE:
        assert condition("attribute_type(a, :t)", values={":t": {"S": name}}) == ["type", ["p", "a"], ["v", 0]]
    assert detail("attribute_type(a, :t)", values={":t": {"S": "1"}}) == (
        "Invalid attribute type name found; type: 1, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"
    )
    assert detail("attribute_type(a, b)").startswith(
        "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: {"
    )


# Bounds that no value can lie between are a slip too.
@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        (
            {"N": "10"},
            {"N": "9"},
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:9}",
        ),
        (
            {"N": "1"},
            {"S": "a"},
            "The BETWEEN operator requires same data type for lower and upper bounds; "
            "lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}",
        ),
    ],
)
def test_bounds(lower: dict[str, str], upper: dict[str, str], message: str) -> None:
    assert detail("a between :l and :u", values={":l": lower, ":u": upper}) == message


# Types alone do not decide those two checks, so a text that passed them once is checked again for other values.
def test_values_are_checked_every_time() -> None:
    assert condition("k between :l and :u", values={":l": {"N": "1"}, ":u": {"N": "2"}})
    assert "greater than" in detail("k between :l and :u", values={":l": {"N": "2"}, ":u": {"N": "1"}})
    assert condition("attribute_type(k, :t)", values={":t": {"S": "N"}})
    assert "type: n," in detail("attribute_type(k, :t)", values={":t": {"S": "n"}})


# IN takes a hundred candidates.
def test_candidates() -> None:
    values = {f":v{number}": {"N": str(number)} for number in range(101)}
    assert detail(f"a IN ({', '.join(values)})", values=values) == (
        "The IN operator is provided with too many operands; number of operands: 101"
    )
    del values[":v100"]
    assert len(condition(f"a IN ({', '.join(values)})", values=values)) == 102


# Faults of the text itself come before those of names and values, and those comparison by comparison.
@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("((a = :missing)) AND f(name) = b", "The expression has redundant parentheses"),
        ("a = :missing AND f(name) = b", "Invalid function name"),
        ("a = :missing AND size(name)", "The function is not allowed to be used this way"),
        ("a = :missing AND name = b", "Attribute name is a reserved keyword"),
        ("a = :missing AND begins_with(b, :n)", "An expression attribute value used in expression is not defined"),
        ("begins_with(b, :n) AND a = :missing", "Incorrect operand type"),
        ("begins_with(b, :n, :missing)", "An expression attribute value used in expression is not defined"),
    ],
)
def test_order_of_checks(text: str, beginning: str) -> None:
    assert detail(text, values={":n": {"N": "1"}}).startswith(beginning)
