"""The tables beside the grammars parse what Lark, which made them, parses from the grammars themselves."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lark.exceptions import UnexpectedInput
from lark.exceptions import UnexpectedToken as LarkUnexpectedToken

from router.expressions.lalr import END, UnexpectedToken, load_parser
from router.expressions.syntax import NODES, Language
from scripts.generate_parsers import analysed, stale

OPERANDS = ["a", "#n", ":v", "a.b", "a[0]", "f(a)", "(a)", "(:v)", "size(a, :v)", "12"]
KEYWORDS = ["AND", "or", "NOT", "between", "IN", "SET", "remove", "ADD", "delete"]
WORDS = [*"()[],.=<>+-#:_é", "<>", "<=", *OPERANDS, *OPERANDS, *KEYWORDS]
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join)

TABLES = {language: load_parser(language.value, NODES[language]()) for language in Language}
LARK = {language: analysed(language.value, NODES[language]()) for language in Language}


def by_lark(language: Language, text: str) -> Any:
    try:
        return LARK[language].parse(text)
    except UnexpectedInput as error:
        return None if isinstance(error, LarkUnexpectedToken) and error.token.type == END else error.pos_in_stream


def by_tables(language: Language, text: str) -> Any:
    try:
        return TABLES[language].parse(text)
    except UnexpectedToken as error:
        return error.position


# Whoever changes a grammar and forgets its tables changes nothing but a comment.
def test_tables_are_those_of_the_grammars() -> None:
    assert stale() == []


# The same node, or the mistake at the same token: random texts are mostly wrong, and wrong in every state.
@pytest.mark.parametrize("language", Language)
@settings(deadline=None)
@given(text=texts)
def test_tables_parse_as_the_grammars_say(language: Language, text: str) -> None:
    assert by_tables(language, text) == by_lark(language, text)


# A list of operands is as long as a text may be; its parts must not be copied for every one of them.
def test_a_long_list_is_one_node() -> None:
    _, *paths = by_tables(Language.PROJECTION, ",".join(["a"] * 2000))
    assert paths == [("path", "a")] * 2000
