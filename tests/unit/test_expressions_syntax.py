"""The languages' grammars: what they accept and how it binds, and AWS's words for a text that is none."""

import pytest

from router.expressions.reserved import RESERVED_WORDS
from router.expressions.syntax import prepare_parsers
from tests.support.expressions import condition, projection, refusal, update

VALUES = {":v": {"N": "1"}, ":w": {"N": "2"}}
A, B, C, D = (["exists", ["p", name]] for name in "abcd")


def exists(text: str) -> str:
    """Return a text in which each of the letters a to d stands for the existence of that attribute."""
    return "".join(f"attribute_exists({letter})" if letter in "abcd" else letter for letter in text)


# NOT binds tighter than AND, AND than OR; parentheses around calls and conditions, keywords in any case.
@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a OR b AND c", ["or", A, ["and", B, C]]),
        ("a AND b OR c", ["or", ["and", A, B], C]),
        ("(a OR b) AND c", ["and", ["or", A, B], C]),
        ("NOT a AND b", ["and", ["not", A], B]),
        ("NOT (a AND b)", ["not", ["and", A, B]]),
        ("a AND NOT b OR NOT c AND d", ["or", ["and", A, ["not", B]], ["and", ["not", C], D]]),
        ("NOT NOT a", A),
        ("NOT NOT NOT (a)", ["not", A]),
        ("(a)", A),
        ("(a) OR (b)", ["or", A, B]),
        ("(a AND b) AND (c AND d)", ["and", A, B, C, D]),
        ("a or b Or c", ["or", A, B, C]),
        ("nOT a AnD b", ["and", ["not", A], B]),
        ("a\tAND\r\nb", ["and", A, B]),
        ("(a)AND(b)", ["and", A, B]),
    ],
)
def test_precedence(text: str, tree: list[object]) -> None:
    assert condition(exists(text)) == tree


# Each comparison and function once, with each kind of operand.
@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = :v", ["=", ["p", "a"], ["v", 0]]),
        ("a<>:v", ["<>", ["p", "a"], ["v", 0]]),
        (":v <= a.b[0].c", ["<=", ["v", 0], ["p", "a", "b", 0, "c"]]),
        ("a[10][2] >= b", [">=", ["p", "a", 10, 2], ["p", "b"]]),
        ("(a.b)[0] < (:v)", ["<", ["p", "a", "b", 0], ["v", 0]]),
        ("(size(a)) > size ( b )", [">", ["size", ["p", "a"]], ["size", ["p", "b"]]]),
        ("a between :v and b", ["between", ["p", "a"], ["v", 0], ["p", "b"]]),
        ("(a)between(b.c.d)and(c)", ["between", ["p", "a"], ["p", "b", "c", "d"], ["p", "c"]]),
        ("a IN (:v, b, size(c))", ["in", ["p", "a"], ["v", 0], ["p", "b"], ["size", ["p", "c"]]]),
        ("attribute_not_exists(a . b)", ["not_exists", ["p", "a", "b"]]),
        ("begins_with(a, b)", ["begins_with", ["p", "a"], ["p", "b"]]),
        ("contains(a, (:v))", ["contains", ["p", "a"], ["v", 0]]),
        ("ANDROID = :v", ["=", ["p", "ANDROID"], ["v", 0]]),
        ("notes = :v", ["=", ["p", "notes"], ["v", 0]]),
    ],
)
def test_comparisons_and_functions(text: str, tree: list[object]) -> None:
    values = {":v": VALUES[":v"]} if ":v" in text else None
    assert condition(text, values=values) == tree


# AWS quotes the token it stumbled on, and the text from the token before it to the one after it.
@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("things are not gonna be ok", "are", "things are not"),
        ("a > 4", "4", "> 4"),
        ("a", "<EOF>", "a"),
        ("a >", "<EOF>", ">"),
        ("a = :v AND", "<EOF>", "AND"),
        ("a = = :v", "=", "= = :v"),
        ("a > between", "between", "> between"),
        ("a in b", "b", "in b"),
        ("a in ()", ")", "()"),
        ("a in (b,c,)", ")", ",)"),
        ("(a)between(b.(c.d))and(c)", "(", ".(c"),
        ("size(a).b > a", ".", ").b"),
        ("(size(a))[0] > a", "[", ")[0"),
        ("([1] = a", "[", "([1"),
        ("(a = b) = c", "=", ") = c"),
        ("(attribute_exists(a)", "<EOF>", ")"),
        ("_hidden = :v", "_", "_hidden"),
        ("#$.b > a", "#", "#$"),
        ("a > :things.stuff", ".", ":things.stuff"),
        ("b[:a] > a", ":a", "[:a]"),
        ("b[#_] > a", "#_", "[#_]"),
        ("a.:b = c", ":b", ".:b ="),
        ("attribute_exists(Pictures-RearView)", "-", "Pictures-RearView"),
        ("attribute_exists(Pictures..RearView)", ".", "..RearView"),
        ("ü > a", "ü", "ü >"),
        ("a\u00a0= b", "\u00a0", "a\u00a0="),
        ("a = b; c", ";", "b; c"),
        ("a = 'text'", "'", "= 'text"),
    ],
)
def test_condition_syntax_errors(text: str, token: str, near: str) -> None:
    expected = f'Invalid ConditionExpression: Syntax error; token: "{token}", near: "{near}"'
    assert refusal(condition, text) == expected


# The update language has its own clauses, and sums of exactly two operands.
@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("INVALID SYNTAX HERE", "INVALID", "INVALID SYNTAX"),
        ("SET _123 = :v", "_", "SET _123"),
        ("set a", "<EOF>", "a"),
        ("set a = :v,", "<EOF>", ","),
        ("set a=set", "set", "=set"),
        ("remove a = b", "=", "a = b"),
        ("add a = b", "=", "a = b"),
        ("delete a b", "b", "a b"),
        ("add a if_not_exist(b)", "if_not_exist", "a if_not_exist("),
        ("set :a = b", ":a", "set :a ="),
        ("set a = b / c", "/", "b / c"),
        ("set a[1] = 1", "1", "= 1"),
        ("set (a = (b + c))", "(", "set (a"),
        ("set a = (b.c).d + e", ".", ").d"),
        ("set a = b + c + d", "+", "c + d"),
        ("set a = list_append(b, c + d)", "+", "c + d"),
    ],
)
def test_update_syntax_errors(text: str, token: str, near: str) -> None:
    assert refusal(update, text) == f'Invalid UpdateExpression: Syntax error; token: "{token}", near: "{near}"'


# A projection is paths and commas.
@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("a b", "b", "a b"),
        ("a,", "<EOF>", ","),
        (",a", ",", ",a"),
        ("a,,b", ",", ",,b"),
        ("!!", "!", "!!"),
        ("a[", "<EOF>", "["),
        ("(a)", "(", "(a"),
    ],
)
def test_projection_syntax_errors(text: str, token: str, near: str) -> None:
    assert refusal(projection, text) == f'Invalid ProjectionExpression: Syntax error; token: "{token}", near: "{near}"'


# Parentheses that hold nothing but parentheses are refused; those of calls and lists of candidates are not such.
@pytest.mark.parametrize(
    "text",
    [
        "((a = :v))",
        "((attribute_exists(a)))",
        "a = b AND c > ((d))",
        "(a)between(((b.c)).d)and(c)",
        "a > whatever((:things), ((a)))",
        "a = b AND ((a = c AND a = d)) AND a = e",
        "a = b OR ((a = c OR (a = d OR a = e)))",
        "NOT ((a = b))",
        "a = b AND(((c = d)) OR e = f)",
    ],
)
def test_redundant_parentheses(text: str) -> None:
    assert refusal(condition, text) == "Invalid ConditionExpression: The expression has redundant parentheses;"


# What stands in two pairs of parentheses, but not alone, is not redundant.
@pytest.mark.parametrize(
    "text",
    [
        "(attribute_exists(a))",
        "attribute_exists((a))",
        "((a = b) OR (c = d))",
        "((a = b) OR c = d)",
        "a = b AND (c = d OR (e = f))",
        "a IN ((b), (c))",
        "NOT (a = b)",
    ],
)
def test_needful_parentheses(text: str) -> None:
    assert condition(text)


# Updates know the same rule.
def test_parentheses_in_updates() -> None:
    assert update("set a = (b + c)") == update("set a = ((b) + (c))") == update("set a = b+c")
    assert refusal(update, "set a = ((b))") == "Invalid UpdateExpression: The expression has redundant parentheses;"
    assert refusal(update, "set a = ((b + c))") == "Invalid UpdateExpression: The expression has redundant parentheses;"


# Length is counted in bytes of the raw text, and known before anything else is.
def test_expression_length() -> None:
    assert projection("x" * 4096) == ["project", ["p", "x" * 4096]]
    assert refusal(projection, "x" * 4097) == (
        "Invalid ProjectionExpression: Expression size has exceeded the maximum allowed size; expression size: 4097"
    )
    assert refusal(condition, "(" * 5000).endswith("expression size: 5000")
    assert refusal(update, "é" * 2049) == (
        "Invalid UpdateExpression: Expression size has exceeded the maximum allowed size;"
    )


# Nothing, and nothing but spaces, is not an expression.
@pytest.mark.parametrize("text", ["", "  ", "\t\n"])
def test_empty_expressions(text: str) -> None:
    assert refusal(condition, text) == "Invalid ConditionExpression: The expression can not be empty;"
    assert refusal(update, text) == "Invalid UpdateExpression: The expression can not be empty;"
    assert refusal(projection, text) == "Invalid ProjectionExpression: The expression can not be empty;"


# A long chain is as good as a short one, up to AWS's 300 operators; deep nesting never reaches Python's own limits.
def test_operator_limit() -> None:
    def nested(depth: int) -> str:
        return "a<b " + "or (a<b " * depth + ")" * depth

    too_many = "Invalid ConditionExpression: The expression contains too many operators; operator count: 301"
    assert condition(nested(149))
    assert refusal(condition, nested(150)) == too_many
    assert refusal(condition, nested(454)) == too_many
    assert condition("a<b" + " or a<b" * 149)
    assert refusal(condition, "a<b" + " or a<b" * 150) == too_many
    assert condition("not " * 298 + "a<b") == condition("a<b")
    assert refusal(condition, "not " * 1000 + "a<b") == too_many
    assert refusal(condition, "(" * 2000 + "a<b" + ")" * 2000).endswith("redundant parentheses;")
    assert refusal(condition, "(" * 4096).startswith("Invalid ConditionExpression: Syntax error")
    assert refusal(condition, "a < " + "f(" * 1355 + "b" + ")" * 1355).endswith("Invalid function name; function: f")
    assert update("SET a=" + "if_not_exists(a," * 239 + "b" + ")" * 239)


# Documents have 32 levels, so paths have no more steps; list indexes are Java's integers.
def test_path_limits() -> None:
    assert projection("a" + ".b" * 31)
    assert refusal(projection, "a" + ".b" * 32) == (
        "Invalid ProjectionExpression: The document path has too many nesting levels; nesting levels: 33"
    )
    assert projection("a[2147483647]") == ["project", ["p", "a", 2147483647]]
    assert refusal(condition, "a[2147483648] = b") == (
        "Invalid ConditionExpression: List index is not within the allowable range; index: [2147483648]"
    )


# AWS reserves 573 words, in any case and anywhere in a path; behind a placeholder they are names like any other.
def test_reserved_words() -> None:
    assert len(RESERVED_WORDS) == 573
    for text, word in (("name = :v", "name"), (":v < abOrT", "abOrT"), ("a.b[0].Size = :v", "Size")):
        assert refusal(condition, text, values={":v": {"S": "x"}}) == (
            f"Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: {word}"
        )
    assert refusal(update, " remove Absolute ") == (
        "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: Absolute"
    )
    assert refusal(projection, "a, views") == (
        "Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: views"
    )
    assert projection("#n.b", {"#n": "name"}) == ["project", ["p", "name", "b"]]


# A server builds its parsers before its first request.
def test_parsers_can_be_built_ahead() -> None:
    prepare_parsers()
    assert condition("attribute_exists(a)") == A


# Zeros before the index of an element say nothing. No capture from AWS could be found, and endpoints disagree.
def test_zeros_before_an_index() -> None:
    assert projection("a[01]") == projection("a[1]")
