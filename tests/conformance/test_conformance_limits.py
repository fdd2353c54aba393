"""Limits at their last byte: what just fits is stored and read back, and one more is refused in AWS's words."""

import uuid
from importlib.resources import files
from typing import Any

import pytest

from tests.support.conformance_table import COUNTED, Item, Table, invalid

INVALID = "One or more parameter values were invalid: "
KEY: Item = {"pk": {"S": "a"}}
ITEM_BYTES_MAX = 409_600
EXPRESSION_BYTES_MAX = 4096
SUBSTITUTIONS_BYTES_MAX = 2 << 20
TOO_LARGE = "Item size has exceeded the maximum allowed size"
TOO_LARGE_TO_UPDATE = "Item size to update has exceeded the maximum allowed size"
TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
RESERVED = (files("router.expressions") / "reserved_words.txt").read_text("ascii").split()


def _item(size: int, **attributes: Any) -> Item:
    """Return an item of so many bytes: a text fills what its other attributes leave."""
    names = sum(len(name) for name in ("pk", "a", "v"))
    return {**KEY, "v": {"S": "x" * (size - names)}, **attributes}


def _nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "leaf"}
    for _ in range(levels):
        value = {"M": {"n": value}}
    return value


def _padded(prefix: str, size: int, suffix: str = "") -> str:
    """Return an expression of so many bytes, of which one name fills the rest."""
    return prefix + "a" * (size - len(prefix) - len(suffix)) + suffix


# The bound on an item is one for every way to write it whole.
def test_items_have_four_hundred_kilobytes(things: Table, dynamodb: Any) -> None:
    def batch(item: Item) -> None:
        dynamodb.batch_write_item(RequestItems={things.name: [{"PutRequest": {"Item": item}}]})

    for write in (things.put, batch):
        write(_item(ITEM_BYTES_MAX))
        found = things.get(KEY)
        assert found is not None
        assert len(found["v"]["S"]) == ITEM_BYTES_MAX - 4
        assert invalid(lambda write=write: write(_item(ITEM_BYTES_MAX + 1))) == TOO_LARGE


# What each type costs, found out at the bound: with an attribute named `w` of that size the item just fits.
@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "zażółć"}, 10),
        ({"S": ""}, 0),
        ({"N": "0"}, 1),
        ({"N": "-1"}, 3),
        ({"N": "100"}, 2),
        ({"N": "12345"}, 4),
        ({"N": "0.001"}, 2),
        ({"N": "1.5"}, 3),
        ({"B": b"\x00\xff\x01"}, 3),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["a", "bc"]}, 3),
        ({"NS": ["1", "20"]}, 4),
        ({"BS": [b"ab", b"c"]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"NULL": True}]}, 3 + 3 + 2),
        ({"M": {}}, 3),
        ({"M": {"ab": {"S": "c"}}}, 3 + 1 + 2 + 1),
    ],
    ids=str,
)
def test_values_have_sizes(things: Table, value: dict[str, Any], size: int) -> None:
    room = ITEM_BYTES_MAX - size - len("w")
    things.put(_item(room, w=value))
    assert invalid(things.put, item=_item(room + 1, w=value)) == TOO_LARGE


# An update may leave as much as a put may store; the statement's own bound comes first for what it writes.
def test_updates_have_four_hundred_kilobytes(things: Table) -> None:
    things.put(_item(ITEM_BYTES_MAX - 10))
    small = {":v": {"S": "x" * 9}}
    things.update(KEY, "SET w = :v", ExpressionAttributeValues=small)
    found = things.get(KEY)
    assert found is not None
    assert found["w"] == small[":v"]
    text = invalid(things.update, key=KEY, expression="SET w = :v", ExpressionAttributeValues={":v": {"S": "x" * 10}})
    assert text == TOO_LARGE_TO_UPDATE
    # 3 bytes for the statement, 19 for the clause, one for the name
    written = ITEM_BYTES_MAX - 23
    things.delete(KEY)
    change = {"key": KEY, "expression": "SET w = :v"}
    things.update(**change, ExpressionAttributeValues={":v": {"S": "x" * written}})
    text = invalid(things.update, **change, ExpressionAttributeValues={":v": {"S": "x" * (written + 1)}})
    assert text == TOO_LARGE_TO_UPDATE


# 32 levels, the attribute's own among them, wherever a value stands.
def test_nesting_has_thirty_two_levels(things: Table, dynamodb: Any) -> None:
    things.put({**KEY, "v": _nested(31)})
    assert things.get(KEY) == {**KEY, "v": _nested(31)}
    assert invalid(things.put, item={**KEY, "v": _nested(32)}) == COUNTED + TOO_DEEP
    batch = {things.name: [{"PutRequest": {"Item": {**KEY, "v": _nested(32)}}}]}
    assert invalid(dynamodb.batch_write_item, RequestItems=batch) == TOO_DEEP
    expected = {"v": {"Value": _nested(32)}}
    assert invalid(things.put, item=KEY, Expected=expected) == COUNTED + TOO_DEEP
    filtered = {"v": {"ComparisonOperator": "EQ", "AttributeValueList": [_nested(32)]}}
    assert invalid(dynamodb.scan, TableName=things.name, ScanFilter=filtered) == TOO_DEEP
    text = invalid(things.put, item=KEY, ConditionExpression="v = :v", ExpressionAttributeValues={":v": _nested(32)})
    assert text == COUNTED + TOO_DEEP
    things.put(KEY, ConditionExpression="v = :v", ExpressionAttributeValues={":v": _nested(31)})


# A value that fits by itself may be too deep where it is to go.
def test_updates_cannot_nest_deeper(things: Table) -> None:
    things.put({**KEY, "v": _nested(1)})
    things.update(KEY, "SET v.n = :v", ExpressionAttributeValues={":v": _nested(30)})
    text = invalid(things.update, key=KEY, expression="SET v.n = :v", ExpressionAttributeValues={":v": _nested(31)})
    assert text == TOO_DEEP


# Keys are bounded where they are written and where they are read.
def test_keys_have_lengths(names: Table) -> None:
    longest: Item = {"pk": {"S": "p" * 2048}, "sk": {"S": "ż" * 512}}
    names.put(longest)
    assert names.get(longest) == longest
    found = names.query("pk = :p AND begins_with(sk, :s)", {":p": longest["pk"], ":s": {"S": "ż" * 511}})
    assert found["Items"] == [longest]
    too_long = f"{INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes"
    for operation in (names.put, names.get, names.delete):
        assert invalid(operation, **_named(operation, {**longest, "pk": {"S": "p" * 2049}})) == too_long
    too_long = f"{INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
    for operation in (names.put, names.get, names.delete):
        assert invalid(operation, **_named(operation, {**longest, "sk": {"S": "ż" * 513}})) == too_long


def _named(operation: Any, members: Item) -> dict[str, Item]:
    return {"item" if operation.__name__ == "put" else "key": members}


# Names of attributes have 65,535 bytes, whoever names them and at whatever depth.
def test_names_have_a_length(things: Table) -> None:
    longest = "n" * 65_533 + "é"
    things.put({**KEY, longest: {"S": "x"}, "m": {"M": {longest: {"S": "x"}}}})
    assert things.get(KEY, AttributesToGet=[longest]) == {longest: {"S": "x"}}
    names = {"#n": longest}
    assert things.get(KEY, ProjectionExpression="#n", ExpressionAttributeNames=names) == {longest: {"S": "x"}}
    changed = {longest: {"Value": {"S": "y"}}}
    things.client.update_item(TableName=things.name, Key=KEY, AttributeUpdates=changed)
    too_long = f"{longest}n"
    text = "Attribute name is too large, must be less than 65536 bytes"
    assert invalid(things.put, item={**KEY, too_long: {"S": "x"}}) == COUNTED + text
    assert invalid(things.put, item={**KEY, "m": {"M": {too_long: {"S": "x"}}}}) == COUNTED + text
    assert invalid(things.get, key=KEY, AttributesToGet=[too_long]) == text
    assert invalid(things.put, item=KEY, Expected={too_long: {"Exists": False}}) == COUNTED + text
    assert invalid(things.scan, ScanFilter={too_long: {"ComparisonOperator": "NULL"}}) == text
    updates = {too_long: {"Action": "DELETE"}}
    assert (
        invalid(things.client.update_item, TableName=things.name, Key=KEY, AttributeUpdates=updates) == COUNTED + text
    )
    names = {"#n": too_long}
    found = invalid(things.get, key=KEY, ProjectionExpression="#n", ExpressionAttributeNames=names)
    assert found == f"ExpressionAttributeNames contains invalid value: {text} for key #n"


# Names are not empty, at whatever depth.
@pytest.mark.parametrize(
    "value", [{"": {"S": "x"}}, {"v": {"M": {"": {"S": "x"}}}}, {"v": {"L": [{"M": {"": {"N": "1"}}}]}}]
)
def test_names_are_not_empty(things: Table, value: Item) -> None:
    assert invalid(things.put, item={**KEY, **value}) == f"{COUNTED}Empty attribute name"
    updates = {name: {"Value": part} for name, part in value.items()}
    text = invalid(things.client.update_item, TableName=things.name, Key=KEY, AttributeUpdates=updates)
    assert text == f"{COUNTED}Empty attribute name"


# Nor are those in parameters older than expressions.
def test_older_parameters_name_something(things: Table) -> None:
    absent = {"": {"ComparisonOperator": "NULL"}}
    for call in (
        lambda: things.get(KEY, AttributesToGet=[""]),
        lambda: things.put(KEY, Expected=absent),
        lambda: things.scan(ScanFilter=absent),
    ):
        assert invalid(call).removeprefix(COUNTED) == "Empty attribute name"


# Every expression has 4 KB as it is written.
def test_expressions_have_four_kilobytes(things: Table) -> None:
    things.put({**KEY, "aa": {"S": "x"}})
    too_long = "Expression size has exceeded the maximum allowed size;"
    for size, fits in ((EXPRESSION_BYTES_MAX, True), (EXPRESSION_BYTES_MAX + 1, False)):
        tail = f" expression size: {size}"
        condition = _padded("attribute_not_exists(", size, ")")
        calls = [
            ("ConditionExpression", tail, lambda c=condition: things.put(KEY, ConditionExpression=c)),
            ("FilterExpression", tail, lambda c=condition: things.scan(FilterExpression=c)),
            ("UpdateExpression", "", lambda s=size: things.update(KEY, _padded("REMOVE ", s))),
            ("ProjectionExpression", tail, lambda s=size: things.get(KEY, ProjectionExpression=_padded("aa,", s))),
        ]
        for kind, end, call in calls:
            if fits:
                call()
            else:
                counted = COUNTED if kind in ("ConditionExpression", "UpdateExpression") else ""
                assert invalid(call) == f"{counted}Invalid {kind}: {too_long}{end}"


# What stands for placeholders does not count against the 4 KB, but has 2 MB of its own.
def test_substitutions_have_two_megabytes(things: Table) -> None:
    names = {f"#n{number}": "n" * 60_000 + str(number) for number in range(34)}
    expression = ", ".join(names)
    things.get(KEY, ProjectionExpression=expression, ExpressionAttributeNames=names)
    names |= {"#n34": "m" * 60_000}
    text = invalid(things.get, key=KEY, ProjectionExpression=f"{expression}, #n34", ExpressionAttributeNames=names)
    assert text == "ExpressionAttributeNames exceeds max size"
    values = {f":v{number}": {"S": "v" * 400_000} for number in range(5)}
    condition = " AND ".join(f"v <> {key}" for key in values)
    things.put(KEY, ConditionExpression=condition, ExpressionAttributeValues=values)
    values |= {":v5": {"S": "v" * 400_000}}
    text = invalid(
        things.put, item=KEY, ConditionExpression=f"{condition} AND v <> :v5", ExpressionAttributeValues=values
    )
    assert text == f"{COUNTED}ExpressionAttributeValues exceeds max size"


# 300 operators and functions, 100 candidates, 32 steps, 255 characters of a placeholder.
def test_expressions_have_parts(things: Table) -> None:
    one = {":v": {"N": "1"}}
    conditions = ["a = :v"] * 150
    things.scan(FilterExpression=" OR ".join(conditions), ExpressionAttributeValues=one)
    text = invalid(
        things.scan, FilterExpression=" OR ".join(["NOT b = :v", *conditions]), ExpressionAttributeValues=one
    )
    assert text == "Invalid FilterExpression: The expression contains too many operators; operator count: 301"
    values = {f":v{number}": {"N": str(number)} for number in range(101)}
    candidates = ", ".join(list(values)[:100])
    things.scan(
        FilterExpression=f"a IN ({candidates})",
        ExpressionAttributeValues={key: values[key] for key in list(values)[:100]},
    )
    text = invalid(things.scan, FilterExpression=f"a IN ({candidates}, :v100)", ExpressionAttributeValues=values)
    assert text == (
        "Invalid FilterExpression: The IN operator is provided with too many operands; number of operands: 101"
    )
    path = ".".join("a" * 1 for _ in range(32))
    things.get(KEY, ProjectionExpression=path)
    text = invalid(things.get, key=KEY, ProjectionExpression=f"{path}.a")
    assert text == ("Invalid ProjectionExpression: The document path has too many nesting levels; nesting levels: 33")
    name = "#" + "n" * 254
    things.get(KEY, ProjectionExpression=name, ExpressionAttributeNames={name: "x"})
    text = invalid(things.get, key=KEY, ProjectionExpression=f"{name}n", ExpressionAttributeNames={f"{name}n": "x"})
    assert text == (
        "ExpressionAttributeNames contains invalid key: The expression attribute map contains a key that is too long; "
        f'key: "{name}n"'
    )


# All 573 reserved words, in any case, are said to be so once the text is known to be an expression.
def test_reserved_words(things: Table) -> None:
    assert len(RESERVED) == 573
    missed = []
    for word in RESERVED:
        for written in (word, word.lower()):
            text = invalid(things.get, key=KEY, ProjectionExpression=f"ok, {written}")
            if (
                text
                != f"Invalid ProjectionExpression: Attribute name is a reserved keyword; reserved keyword: {written}"
            ):
                missed.append((written, text))
    assert missed == []


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ({"UpdateExpression": "SET Status = :v"}, "UpdateExpression"),
        ({"UpdateExpression": "REMOVE ok.Status[1]"}, "UpdateExpression"),
        ({"UpdateExpression": "SET ok = if_not_exists(Status, :v)"}, "UpdateExpression"),
        ({"ConditionExpression": "attribute_exists(Status)"}, "ConditionExpression"),
        ({"ConditionExpression": "ok < :v AND size(ok.Status) > :v"}, "ConditionExpression"),
    ],
)
def test_reserved_words_in_paths(things: Table, call: dict[str, str], kind: str) -> None:
    named = {"TableName": things.name, "Key": KEY, "ExpressionAttributeValues": {":v": {"N": "1"}}}
    text = invalid(things.client.update_item, **named, **call)
    assert text == f"{COUNTED}Invalid {kind}: Attribute name is a reserved keyword; reserved keyword: Status"
    assert invalid(things.client.update_item, **named, **{kind: call[kind] + " = ="}).startswith(
        f"{COUNTED}Invalid {kind}: Syntax error;"
    )


# Numbers: 38 digits, 1E-130 to 9.99...E+125; exponents of 64 bits; a zero is refused by its exponent.
@pytest.mark.parametrize(
    ("number", "stored"),
    [
        ("9." + "9" * 37 + "E125", "9" * 38 + "0" * 88),
        ("-1E-130", "-0." + "0" * 129 + "1"),
        ("0" * 50 + "1" * 38 + "." + "0" * 50, "1" * 38),
        ("0E125", "0"),
        ("0.000", "0"),
        ("-0", "0"),
    ],
)
def test_numbers_at_their_bounds(things: Table, number: str, stored: str) -> None:
    things.put({**KEY, "n": {"N": number}, "l": {"L": [{"NS": [number]}]}})
    assert things.get(KEY) == {**KEY, "n": {"N": stored}, "l": {"L": [{"NS": [stored]}]}}


OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E126", OVERFLOW),
        ("-1E126", OVERFLOW),
        ("1E-131", UNDERFLOW),
        ("1E2147483648", OVERFLOW),
        ("1E-99999999999", UNDERFLOW),
        ("0E126", OVERFLOW),
        ("0E-131", UNDERFLOW),
        ("1E9223372036854775808", "The parameter cannot be converted to a numeric value: 1E9223372036854775808"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("1." + "0" * 37 + "1", "Attempting to store more than 38 significant digits in a Number"),
        ("0x10", "The parameter cannot be converted to a numeric value: 0x10"),
        ("Infinity", "The parameter cannot be converted to a numeric value: Infinity"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1.2.3", "The parameter cannot be converted to a numeric value: 1.2.3"),
    ],
)
def test_numbers_past_their_bounds(things: Table, dynamodb: Any, number: str, text: str) -> None:
    value = {"N": number}
    assert invalid(things.put, item={**KEY, "n": value}) == COUNTED + text
    assert invalid(things.put, item={**KEY, "n": {"NS": ["1", number]}}) == COUNTED + text
    assert invalid(things.put, item={**KEY, "n": {"M": {"x": {"L": [value]}}}}) == COUNTED + text
    assert invalid(things.get, key={"pk": value}) == text
    assert invalid(things.put, item=KEY, Expected={"n": {"Value": value}}) == COUNTED + text
    asked = {things.name: {"Keys": [{"pk": value}]}}
    assert invalid(dynamodb.batch_get_item, RequestItems=asked) == text
    condition = {"ConditionExpression": "n = :v", "ExpressionAttributeValues": {":v": value}}
    assert invalid(things.put, item=KEY, **condition) == COUNTED + text


# Empty texts and binaries are values like any others, but no keys.
def test_empty_values(make_table: Any) -> None:
    table = make_table("B")
    empty: Item = {
        "s": {"S": ""},
        "b": {"B": b""},
        "l": {"L": [{"S": ""}, {"B": b""}]},
        "m": {"M": {"s": {"S": ""}}},
        "ss": {"SS": ["", "a"]},
        "bs": {"BS": [b"", b"a"]},
    }
    key: Item = {"pk": {"S": "a"}, "sk": {"B": b"a"}}
    table.put({**key, **empty})
    found = table.get(key)
    assert found is not None
    assert {name: found[name] for name in ("s", "b", "l", "m")} == {name: empty[name] for name in ("s", "b", "l", "m")}
    refusal = (
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
    )
    for members, text in (
        ({**key, "pk": {"S": ""}}, f"{refusal}string value. Key: pk"),
        ({**key, "sk": {"B": b""}}, f"{refusal}binary value. Key: sk"),
    ):
        assert invalid(table.put, item=members) == text
        assert invalid(table.get, key=members) == text
        assert invalid(table.delete, key=members) == text
        assert invalid(table.update, key=members, expression="REMOVE x") == text
        client, name = table.client, table.name
        assert invalid(client.batch_get_item, RequestItems={name: {"Keys": [members]}}) == text
        for request in ({"PutRequest": {"Item": members}}, {"DeleteRequest": {"Key": members}}):
            assert invalid(client.batch_write_item, RequestItems={name: [request]}) == text


# 25 writes and 100 reads of one table are the model's own bounds; over several tables the operation counts.
def test_batches_are_bounded(make_table: Any, dynamodb: Any) -> None:
    first, second = make_table().name, make_table().name
    puts = [{"PutRequest": {"Item": {"pk": {"S": uuid.uuid4().hex}}}} for _ in range(26)]
    dynamodb.batch_write_item(RequestItems={first: puts[:25]})
    assert "Member must have length less than or equal to 25" in invalid(
        dynamodb.batch_write_item, RequestItems={first: puts}
    )
    text = invalid(dynamodb.batch_write_item, RequestItems={first: puts[:20], second: puts[20:]})
    assert text == "Too many items requested for the BatchWriteItem call"
    keys = [{"pk": {"S": str(number)}} for number in range(101)]
    dynamodb.batch_get_item(RequestItems={first: {"Keys": keys[:100]}})
    assert "Member must have length less than or equal to 100" in invalid(
        dynamodb.batch_get_item, RequestItems={first: {"Keys": keys}}
    )
    text = invalid(dynamodb.batch_get_item, RequestItems={first: {"Keys": keys[:60]}, second: {"Keys": keys[60:]}})
    assert text == "Too many items requested for the BatchGetItem call"
