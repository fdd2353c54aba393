"""PartiQL as far as it can be told without a parser for it: what a statement is, its parameters and its table.

Knows PartiQL's tokens; refuses to know its grammar, which comes with the execution of statements.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from router.operations.one_function import Check
from router.operations.store import Store
from router.operations.tables import table_of_items
from wire.errors import StoreError, validation_error
from wire.items import measured_value

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
      |(?P<text>'(?:[^']|'')*')
      |(?P<name>"(?:[^"]|"")*")
      |(?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
      |(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)
      |(?P<sign><<|>>|<=|>=|<>|!=|\|\||/(?!\*)|[-?()\[\]{}.,:;*+%=<>])""",
    re.VERBOSE | re.DOTALL,
)
_PAIRS: Final = {")": "(", "]": "[", "}": "{", ">>": "<<"}
_VERBS: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "EXISTS"})
# The word that stands before the table's name.
_BEFORE_TABLE: Final = {"SELECT": "FROM", "EXISTS": "FROM", "DELETE": "FROM", "INSERT": "INTO", "UPDATE": "UPDATE"}


class Token(NamedTuple):
    """One token: its kind (the groups of the pattern above) and its text; names are without their quotes."""

    kind: str
    text: str

    def word(self) -> str:
        """Return a word in capitals, since keywords may be written either way, and nothing for what is none."""
        return self.text.upper() if self.kind == "word" else ""


class Statement(NamedTuple):
    """What a statement does, to which table, with how many parameters."""

    verb: str
    table: str
    parameters: int


def read_statement(text: str) -> Statement:
    """Return what can be told of a statement. Raises StoreError VALIDATION when it cannot be one."""
    tokens = list(_tokens(text))
    verb = tokens[0].word() if tokens else ""
    if verb not in _VERBS:
        raise _malformed("Expected data manipulation")
    _require_pairs(tokens)
    return Statement(verb, _table(tokens, _BEFORE_TABLE[verb]), tokens.count(Token("sign", "?")))


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _malformed("Unexpected token")
        position = found.end()
        kind = found.lastgroup
        assert kind is not None, "every alternative of the pattern has a name"
        if kind == "name":
            yield Token(kind, found[0][1:-1].replace('""', '"'))
        elif kind != "blank":
            yield Token(kind, found[0])


def _require_pairs(tokens: list[Token]) -> None:
    open_signs = []
    for kind, text in tokens:
        if kind != "sign":
            continue
        if text in _PAIRS.values():
            open_signs.append(text)
        elif text in _PAIRS and (not open_signs or open_signs.pop() != _PAIRS[text]):
            raise _malformed("Unexpected token")
    if open_signs:
        raise _malformed("Unexpected end of statement")


def _table(tokens: list[Token], before: str) -> str:
    """Return the name after the first word `before`."""
    for keyword, token in pairwise(tokens):
        if keyword.word() == before and token.kind in ("name", "word"):
            return token.text
    raise _malformed(f"Expected a table name after {before}")


def _malformed(why: str) -> StoreError:
    return validation_error(f"Statement wasn't well formed, can't be processed: {why}")


def _check(store: Store, asked: dict[str, Any]) -> Statement:
    """Refuse a statement that cannot be carried out."""
    statement = read_statement(asked["Statement"])
    parameters = asked.get("Parameters", ())
    if len(parameters) < statement.parameters:
        raise validation_error("Number of parameters in request and statement don't match.")
    for value in parameters:
        measured_value(value)
    table_of_items(store.view, statement.table, store.home)
    return statement


def _check_one(store: Store, body: dict[str, Any]) -> None:
    _check(store, body)


def _check_transaction(store: Store, body: dict[str, Any]) -> None:
    statements = [_check_member(store, position, each) for position, each in enumerate(body["TransactStatements"])]
    if len({statement.verb == "SELECT" for statement in statements}) > 1:
        raise validation_error(
            "ExecuteTransaction API does not support both read and write operations in the same request."
        )


def _check_member(store: Store, position: int, asked: dict[str, Any]) -> Statement:
    try:
        return _check(store, asked)
    except StoreError as error:
        where = f"Validation failed in TransactStatements[{position}]: "
        raise StoreError(error.code, where + error.message, error.members) from None


def _check_batch(store: Store, body: dict[str, Any]) -> None:
    """Refuse nothing: AWS answers a batch, and says of each statement in the answer what is wrong with it."""


CHECKS: Final[Mapping[str, Check]] = {
    "BatchExecuteStatement": _check_batch,
    "ExecuteStatement": _check_one,
    "ExecuteTransaction": _check_transaction,
}
