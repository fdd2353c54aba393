"""What an update statement is charged: figures measured on DynamoDB at the limit, to the byte."""

from typing import Any

import pytest

from router.expressions.request import RequestExpressions
from router.expressions.statements import statement_cost
from tests.support.expressions import refusal
from wire.expressions import unpacked
from wire.items import value_size
from wire.limits import ITEM_BYTES_MAX

ONE = {"N": "1"}
TEN = {"S": "y" * 10}


def charge(text: str, **values: Any) -> int:
    """Return what a statement is charged; `v=...` gives :v."""
    given = {f":{name}": value for name, value in values.items()}
    tree = unpacked(RequestExpressions(None, given or None).update(text).tree)
    return statement_cost(tree, tuple(given)).total_bytes({name: value_size(value) for name, value in given.items()})


# Three bytes for the update, 19 for each SET or ADD, and what each clause names and writes.
@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("SET b = :v", {"v": TEN}, 3 + 19 + 1 + 10),
        ("SET b = :v, c = :v", {"v": TEN}, 3 + 2 * (19 + 1 + 10)),
        ("SET d.leaf = :v", {"v": TEN}, 3 + 19 + (1 + 4 + 4) + 10),
        ("SET d[0] = :v", {"v": TEN}, 3 + 19 + (1 + 4 + 1) + 10),
        ("SET c = abcdefghij", {}, 3 + 19 + 1 + (1 + 14 + 10)),
        ("SET c = m.z", {}, 3 + 19 + 1 + (1 + 14 + 1 + 14 + 1)),
        ("SET c = l[10]", {}, 3 + 19 + 1 + (1 + 14 + 1 + 14 + 2)),
        ("SET n = n + :v", {"v": ONE}, 3 + 19 + 1 + 34 + (1 + 14 + 1) + 2),
        ("SET n = n - :v", {"v": ONE}, 3 + 19 + 1 + 37 + (1 + 14 + 1) + 2),
        ("SET c = if_not_exists(c, :v)", {"v": TEN}, 3 + 19 + 1 + 39 + (1 + 14 + 1) + 10),
        ("SET l = list_append(l, :v)", {"v": {"L": [TEN]}}, 3 + 19 + 1 + 37 + (1 + 14 + 1) + (3 + 1 + 10)),
        ("ADD abcdefghij :v", {"v": ONE}, 3 + 19 + 10 + 2),
        ("ADD ss :v", {"v": {"SS": ["s" * 500]}}, 3 + 19 + 2 + 500),
        ("REMOVE r", {}, 3 + 1 + 1),
        ("REMOVE m.yyyyyyyyyy", {}, 3 + 1 + (1 + 4 + 10)),
        ("REMOVE l[10]", {}, 3 + 1 + (1 + 4 + 2)),
        ("DELETE ss :v", {"v": {"SS": ["q" * 20]}}, 3 + 1 + 2),
    ],
)
def test_charges(text: str, values: dict[str, Any], expected: int) -> None:
    assert charge(text, **values) == expected


# At the limit a statement is taken, one byte over it is refused, also when the shape has been seen before.
def test_statement_limit() -> None:
    room = ITEM_BYTES_MAX - (3 + 19 + 1)
    for _ in range(2):
        assert RequestExpressions(None, {":v": {"S": "x" * room}}).update("SET b = :v")
        over = RequestExpressions(None, {":v": {"S": "x" * (room + 1)}})
        assert refusal(over.update, "SET b = :v") == "Item size to update has exceeded the maximum allowed size"
