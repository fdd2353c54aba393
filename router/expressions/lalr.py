"""A table-driven LALR(1) parser: the textbook's loop over tables that were computed beforehand from a grammar.

Knows no language. The tables lie beside the grammars they were made from (`scripts/generate_parsers.py`): to analyse a grammar,
and only to load what can, takes longer than all else a router does at start.
"""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

END = "$END"
_UNKNOWN = ""  # the kind of a character that begins no token; no state accepts it


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule of the grammar: what it replaces on the stack, and what becomes of that.

    A rule without `build` leaves its children to the rule it becomes a part of.
    """

    symbol: str
    length: int
    kept: tuple[int, ...]  # which of the replaced values are children: punctuation is not
    build: str | None = None  # the name of the method that makes a node of the children


class Tables(msgspec.Struct, frozen=True, kw_only=True):
    """An analysed grammar.

    `tokens` is a pattern whose groups are the kinds of tokens; what it matches outside of all groups is skipped. A state, 0 at the
    start, tells for the kind of the next token which state comes next, or ~n to replace by rule n first; and for a rule's symbol
    which state comes next. What a state does not tell is a mistake in the text.
    """

    tokens: str
    rules: tuple[Rule, ...]
    states: tuple[dict[str, int], ...]


class UnexpectedToken(Exception):
    """Say where the first token begins that no text of the language goes on with; None for the end of the text."""

    def __init__(self, position: int | None) -> None:
        super().__init__(position)
        self.position = position


class Parser:
    """Parses texts of one language; `nodes` has a method for each node that a rule builds, which takes its children."""

    def __init__(self, tables: Tables, nodes: object) -> None:
        self._match = re.compile(tables.tokens).match
        self._states = tables.states
        self._rules = [(rule, None if rule.build is None else getattr(nodes, rule.build)) for rule in tables.rules]

    def parse(self, text: str) -> Any:
        """Return what the start rule builds, or raise UnexpectedToken."""
        states = [0]
        values: list[Any] = []
        for token in self._tokens(text):
            while (action := self._states[states[-1]].get(token.kind)) is not None and action < 0:
                self._replace(~action, states, values)
            if action is None:
                raise UnexpectedToken(None if token.kind == END else token.position)
            states.append(action)
            values.append(token.text)
        return values[0]

    def _tokens(self, text: str) -> Iterator["_Token"]:
        position = 0
        while position < len(text):
            found = self._match(text, position)
            if found is None:
                yield _Token(_UNKNOWN, text[position], position)
                return
            if found.lastgroup is not None:
                yield _Token(found.lastgroup, found.group(), position)
            position = found.end()
        yield _Token(END, "", position)

    def _replace(self, number: int, states: list[int], values: list[Any]) -> None:
        """Put what a rule builds in the place of what it replaces."""
        rule, build = self._rules[number]
        children = _children(rule, values[-rule.length :])
        del states[-rule.length :], values[-rule.length :]
        values.append(children if build is None else build(children))
        states.append(self._states[states[-1]][rule.symbol])


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Children(list[Any]):
    """Children of a rule, on the stack where they wait for the rule they become a part of."""


def _children(rule: Rule, replaced: list[Any]) -> _Children:
    first, *others = (replaced[index] for index in rule.kept)
    # A list grows by a rule that begins with what there is of it: to go on with that and not with a copy keeps long lists cheap.
    children = first if type(first) is _Children else _Children((first,))
    for value in others:
        if type(value) is _Children:
            children.extend(value)
        else:
            children.append(value)
    return children


def load_parser(language: str, nodes: object) -> Parser:
    """Return the parser of the language whose grammar has that file name."""
    tables = (files(__package__) / "grammars" / f"{language}.json").read_bytes()
    return Parser(msgspec.json.decode(tables, type=Tables), nodes)
