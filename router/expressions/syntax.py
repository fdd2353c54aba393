"""Syntax: texts to nodes by the grammars, and AWS's words for a text that is none.

A node is a tuple that begins with its kind; names and values are still the text's own, `#n` and `:v` included.

    condition  ("and" | "or", condition, condition, ...)  ("not", condition)
               (comparator, operand, operand)
               ("between", operand, lower, upper)  ("in", operand, candidate, ...)  call
    operand    path  ("value", ":v")  call
    path       ("path", element, ...)      an element is a name, a "#n" or a list index
    call       ("call", function, operand, ...)
    update     ("update", section, ...)
    section    ("SET" | "REMOVE" | "ADD" | "DELETE", action, ...)
    action     ("set", path, source)  ("remove", path)  ("combine", path, value)
    source     operand | ("+" | "-", operand, operand)
    projection ("project", path, ...)
"""

import re
from enum import Enum
from functools import cache
from typing import Any, TypeAlias, cast

from router.expressions.faults import Fault
from router.expressions.lalr import Parser, UnexpectedToken, load_parser
from wire.limits import EXPRESSION_BYTES_MAX

Node: TypeAlias = tuple[Any, ...]
_Children: TypeAlias = list[Any]

# Tokens as AWS counts them when it quotes a text; a character that begins none is one by itself.
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9_]*|[#:][A-Za-z0-9_]+|[0-9]+|<>|<=|>=|[^ \t\r\n\f]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_OPERATOR_WORDS = frozenset(("AND", "OR", "NOT", "BETWEEN"))


class Language(Enum):
    """The three languages; a value names its grammar file."""

    CONDITION = "condition"
    UPDATE = "update"
    PROJECTION = "projection"


def parsed(language: Language, text: str) -> Node:
    """Return the node of an expression text, or raise Fault."""
    _check_length(language, text)
    try:
        node = _parser(language).parse(text)
    except UnexpectedToken as error:
        raise _syntax_fault(text, error.position) from None
    if _has_redundant_parentheses(_TOKEN.findall(text)):
        raise Fault("The expression has redundant parentheses;")
    return cast(Node, node)


def prepare_parsers() -> None:
    """Load the parsers of all languages now, so that no request has to wait for it."""
    for language in Language:
        _parser(language)


def _check_length(language: Language, text: str) -> None:
    if not text.strip(" \t\r\n\f"):
        raise Fault("The expression can not be empty;")
    size = len(text.encode())
    if size > EXPRESSION_BYTES_MAX:
        # Of an update AWS does not say how long it is.
        found = "" if language is Language.UPDATE else f" expression size: {size}"
        raise Fault(f"Expression size has exceeded the maximum allowed size;{found}")


def _syntax_fault(text: str, start: int | None) -> Fault:
    """Name the unexpected token (None: the end), and quote the text from the token before it to the one after it."""
    tokens = list(_TOKEN.finditer(text))
    position = len(tokens) if start is None else [token.start() for token in tokens].index(start)
    name = "<EOF>" if start is None else tokens[position].group()
    around = tokens[max(position - 1, 0) : position + 2]
    near = text[around[0].start() : around[-1].end()]
    return Fault(f'Syntax error; token: "{name}", near: "{near}"')


def _has_redundant_parentheses(tokens: list[str]) -> bool:
    """Say whether some parentheses hold nothing but parentheses; those of calls and of lists of candidates do not count."""
    opened: list[tuple[int, bool]] = []  # position, and whether it only groups
    closed = (-1, -1)  # where the group that was closed last begins and ends
    previous = ""
    for position, token in enumerate(tokens):
        if token == "(":
            opened.append((position, not _WORD.match(previous) or previous.upper() in _OPERATOR_WORDS))
        elif token == ")":
            start, groups = opened.pop()
            if groups and closed == (start + 1, position - 1):
                return True
            if groups:
                closed = (start, position)
        previous = token
    return False


def _joined(operator: str, left: Node, right: Node) -> Node:
    """Join two conditions, flat where the left one is joined by the same operator: a long chain must not become deep."""
    return (*left, right) if left[0] == operator else (operator, left, right)


class _Nodes:
    """Turns what the parser finds into nodes, as it finds it: one method per rule or alias of the grammars."""

    def name(self, children: _Children) -> str:
        return cast(str, children[0])

    def path(self, children: _Children) -> Node:
        return ("path", children[0])

    def member(self, children: _Children) -> Node:
        above, name = children
        return (*above, name)

    def element(self, children: _Children) -> Node:
        above, index = children
        return (*above, int(index))

    def value(self, children: _Children) -> Node:
        return ("value", children[0])

    def call(self, children: _Children) -> Node:
        function, *operands = children
        return ("call", function, *operands)

    def group(self, children: _Children) -> Node:
        return cast(Node, children[0])


class _ConditionNodes(_Nodes):
    def start(self, children: _Children) -> Node:
        return cast(Node, children[0])

    def disjunction(self, children: _Children) -> Node:
        left, _, right = children
        return _joined("or", left, right)

    def conjunction(self, children: _Children) -> Node:
        left, _, right = children
        return _joined("and", left, right)

    def negation(self, children: _Children) -> Node:
        return ("not", children[1])

    def comparison(self, children: _Children) -> Node:
        left, comparator, right = children
        return (comparator, left, right)

    def range(self, children: _Children) -> Node:
        operand, _, lower, _, upper = children
        return ("between", operand, lower, upper)

    def membership(self, children: _Children) -> Node:
        operand, _, *candidates = children
        return ("in", operand, *candidates)


class _UpdateNodes(_Nodes):
    def start(self, children: _Children) -> Node:
        return ("update", *children)

    def section(self, children: _Children) -> Node:
        keyword, *actions = children
        return (keyword.upper(), *actions)

    def assignment(self, children: _Children) -> Node:
        return ("set", *children)

    def removal(self, children: _Children) -> Node:
        return ("remove", *children)

    def combination(self, children: _Children) -> Node:
        return ("combine", *children)

    def arithmetic(self, children: _Children) -> Node:
        left, sign, right = children
        return (sign, left, right)


class _ProjectionNodes(_Nodes):
    def start(self, children: _Children) -> Node:
        return ("project", *children)


# Whose methods build the nodes of a language.
NODES = {
    Language.CONDITION: _ConditionNodes,
    Language.UPDATE: _UpdateNodes,
    Language.PROJECTION: _ProjectionNodes,
}


@cache
def _parser(language: Language) -> Parser:
    return load_parser(language.value, NODES[language]())
