"""Transactions, PartiQL and vector searches: their input is checked as AWS checks it, then they are refused."""

from typing import Any

import pytest

from tests.support.conformance_surface import MISSING, assert_not_available
from tests.support.conformance_table import Table, invalid, refused

KEY = {"pk": {"S": "a"}}
NO_ITEMS_OF = ("ResourceNotFoundException", "Requested resource not found")


def _writes(things: Table, *actions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return TransactItems whose every action is about one table."""
    return [{kind: {"TableName": things.name, **asked} for kind, asked in action.items()} for action in actions]


PUT, DELETE = {"Put": {"Item": KEY}}, {"Delete": {"Key": KEY}}
CHECK = {"ConditionCheck": {"Key": {"pk": {"S": "b"}}, "ConditionExpression": "attribute_exists(pk)"}}
UPDATE = {"Update": {"Key": {"pk": {"S": "c"}}, "UpdateExpression": "REMOVE a"}}


# All four kinds of actions, and gets, are understood before they are refused, and nothing is written.
def test_transactions_are_not_available(things: Table, dynamodb: Any) -> None:
    items = _writes(things, PUT, CHECK, UPDATE, {"Delete": {"Key": {"pk": {"S": "d"}}}})
    write = {"TransactItems": items, "ClientRequestToken": "token"}
    assert_not_available(dynamodb.transact_write_items, "TransactWriteItems", **write)
    assert things.scan()["Count"] == 0
    get = {"Get": {"TableName": things.name, "Key": KEY, "ProjectionExpression": "a, b"}}
    assert_not_available(dynamodb.transact_get_items, "TransactGetItems", TransactItems=[get])


# What is wrong with the request as a whole.
@pytest.mark.parametrize(
    ("actions", "text"),
    [
        ([PUT | DELETE], "TransactItems can only contain one of Check, Put, Update or Delete"),
        ([{}], "Invalid Request: TransactWriteRequest should contain Delete or Put or Update request"),
        ([PUT, DELETE], "Transaction request cannot include multiple operations on one item"),
        (
            [{"Update": {**UPDATE["Update"], "UpdateExpression": "REMOVE"}}],
            'Invalid UpdateExpression: Syntax error; token: "<EOF>", near: "REMOVE"',
        ),
        (
            [{"Put": {"Item": KEY, "ExpressionAttributeNames": {"#a": "a"}}}],
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            [{"Put": {"Item": {"pk": {"S": ""}}}}],
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
            "string value. Key: pk",
        ),
        (
            [{"Put": {"Item": {**KEY, "n": {"N": "one"}}}}],
            "The parameter cannot be converted to a numeric value: one",
        ),
    ],
)
def test_transactions_check_their_actions(
    things: Table, dynamodb: Any, actions: list[dict[str, Any]], text: str
) -> None:
    assert invalid(dynamodb.transact_write_items, TransactItems=_writes(things, *actions)) == text


# The model's own constraints: how many, and what has to be there.
def test_transactions_check_the_model(things: Table, dynamodb: Any) -> None:
    write = dynamodb.transact_write_items
    many = [{"Put": {"Item": {"pk": {"S": str(number)}}}} for number in range(101)]
    text = invalid(write, TransactItems=_writes(things, *many))
    assert text.endswith("Member must have length less than or equal to 100")
    assert "Member must have length greater than or equal to 1" in invalid(write, TransactItems=[])
    text = invalid(write, TransactItems=[{"Update": {"TableName": things.name, "Key": KEY}}])
    assert "'transactItems.1.member.update.updateExpression' failed to satisfy constraint" in text
    text = invalid(write, TransactItems=_writes(things, PUT), ClientRequestToken="x" * 37)
    assert "clientRequestToken" in text
    assert "Member must not be null" in invalid(dynamodb.transact_get_items, TransactItems=[{}])


# A table that is not there ends the transaction before anything else about it.
def test_transactions_need_their_tables(things: Table, dynamodb: Any) -> None:
    elsewhere = {"Put": {"TableName": MISSING, "Item": KEY}}
    assert refused(dynamodb.transact_write_items, TransactItems=[*_writes(things, PUT), elsewhere]) == NO_ITEMS_OF
    get = {"Get": {"TableName": MISSING, "Key": KEY}}
    assert refused(dynamodb.transact_get_items, TransactItems=[get]) == NO_ITEMS_OF


# A key that does not fit the table cancels the transaction, with a reason in its place: the first alone, and before an item that is
# there twice. Sources disagree: floci#3674 and alternator's tests, which run against AWS and are newer, are followed; conformance#45 and
# dynoxide#98 say that every bad key has its reason.
def test_transactions_are_canceled_for_the_first_wrong_key(things: Table, dynamodb: Any) -> None:
    bad = {"Put": {"Item": {"pk": {"N": "1"}}}}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException) as caught:
        dynamodb.transact_write_items(TransactItems=_writes(things, PUT, bad, DELETE, bad))
    none = {"Code": "None"}
    text = "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N"
    assert caught.value.response["CancellationReasons"] == [
        none,
        {"Code": "ValidationError", "Message": text},
        none,
        none,
    ]
    assert caught.value.response["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError, None, None]"
    )


# A table that is not there comes before a key that is empty, wherever in the request the two are.
def test_tables_of_transactions_come_before_keys(things: Table, dynamodb: Any) -> None:
    empty = _writes(things, {"Put": {"Item": {"pk": {"S": ""}}}})
    elsewhere = {"Put": {"TableName": MISSING, "Item": KEY}}
    assert refused(dynamodb.transact_write_items, TransactItems=[*empty, elsewhere]) == NO_ITEMS_OF


# Of a statement it is told what it does and to which table, and that is as far as it goes.
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM \"{}\" WHERE pk = 'a' -- a comment",
        'select a, b from "{}"."index" where pk = ? and b in [1, 2]',
        "INSERT INTO \"{}\" VALUE {{'pk': 'it''s', 'b': <<1, 2>>}}",
        "UPDATE \"{}\" SET b = b + 1 WHERE pk = 'a' RETURNING ALL NEW *",
        "DELETE FROM \"{}\" WHERE pk = 'a'",
    ],
)
def test_statements_are_not_available(things: Table, dynamodb: Any, statement: str) -> None:
    text = statement.format(things.name)
    parameters = {"Parameters": [{"S": "a"}]} if "?" in text else {}
    assert_not_available(dynamodb.execute_statement, "ExecuteStatement", Statement=text, **parameters)
    asked = [{"Statement": text, **parameters}]
    assert_not_available(dynamodb.execute_transaction, "ExecuteTransaction", TransactStatements=asked)
    assert_not_available(dynamodb.batch_execute_statement, "BatchExecuteStatement", Statements=asked)


# What can be wrong with a statement before its grammar is looked at.
@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("SLECT * FROM t", "Statement wasn't well formed, can't be processed: Expected data manipulation"),
        ('SELECT * FROM "t', "Statement wasn't well formed, can't be processed: "),
        ("SELECT * FROM t WHERE (pk = 'a'", "Statement wasn't well formed, can't be processed: "),
        ("SELECT * WHERE pk = 'a'", "Statement wasn't well formed, can't be processed: "),
        ("SELECT * FROM t /* no end", "Statement wasn't well formed, can't be processed: "),
        ("SELECT * FROM t WHERE pk = ?", "Number of parameters in request and statement don't match."),
        ("", "1 validation error detected: Value '' at 'statement' failed to satisfy constraint: "),
    ],
)
def test_statements_are_checked(dynamodb: Any, statement: str, text: str) -> None:
    assert invalid(dynamodb.execute_statement, Statement=statement).startswith(text)


# A transaction's statements are checked one by one, and either all read or all write.
def test_transactions_of_statements_are_checked(things: Table, dynamodb: Any) -> None:
    execute = dynamodb.execute_transaction
    select, delete = ({"Statement": f"{verb} FROM \"{things.name}\" WHERE pk = 'a'"} for verb in ("SELECT *", "DELETE"))
    text = invalid(execute, TransactStatements=[select, delete])
    assert text == "ExecuteTransaction API does not support both read and write operations in the same request."
    text = invalid(execute, TransactStatements=[select, {"Statement": "nothing"}])
    assert text.startswith("Validation failed in TransactStatements[1]: Statement wasn't well formed")
    assert "Member must have length greater than or equal to 1" in invalid(execute, TransactStatements=[])
    many = [select] * 26
    text = invalid(dynamodb.batch_execute_statement, Statements=many)
    assert text.endswith("Member must have length less than or equal to 25")


# A statement is about a table that is there.
def test_statements_need_their_table(dynamodb: Any) -> None:
    assert refused(dynamodb.execute_statement, Statement=f'SELECT * FROM "{MISSING}"') == NO_ITEMS_OF


# A vector is a list of numbers, expressions parse, and the table is there.
def test_vector_searches_check_their_input(things: Table, dynamodb: Any) -> None:
    search = {"TableName": things.name, "IndexName": "near", "SearchVector": [{"N": "0.5"}], "TopK": 3}
    assert_not_available(dynamodb.search_vectors, "SearchVectors", **search)
    assert refused(dynamodb.search_vectors, **{**search, "TableName": MISSING}) == NO_ITEMS_OF
    assert "topK" in invalid(dynamodb.search_vectors, **{**search, "TopK": 0})
    assert "searchVector" in invalid(dynamodb.search_vectors, **{**search, "SearchVector": []})
    text = invalid(dynamodb.search_vectors, **search, SearchConditionExpression="a =")
    assert text.startswith("Invalid ConditionExpression: Syntax error;")
