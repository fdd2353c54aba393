"""What is told of a PartiQL statement without a parser for PartiQL."""

import pytest

from router.operations.statements import Statement, read_statement


# Keywords are written in any case, names keep theirs, and what stands in texts and comments does not count.
@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("select * from Things where pk = ?", Statement("SELECT", "Things", 1)),
        ('SELECT a FROM "my-table"."index" WHERE b IN [?, ?]', Statement("SELECT", "my-table", 2)),
        ("INSERT INTO t VALUE {'a': 'FROM x?', 'b': <<1, 2>>}", Statement("INSERT", "t", 0)),
        ('UPDATE "a ""b""" SET c = d + 1.5e3 WHERE pk = \'it\'\'s\'', Statement("UPDATE", 'a "b"', 0)),
        ("DELETE -- from here?\nFROM t /* ? */ WHERE pk = ?", Statement("DELETE", "t", 1)),
        ("EXISTS(SELECT * FROM t WHERE pk = 'a')", Statement("EXISTS", "t", 0)),
    ],
)
def test_statements_are_read(text: str, statement: Statement) -> None:
    assert read_statement(text) == statement
