"""Random requests made from botocore's model: mostly almost right, so that they get past the first checks and deep inside.

Everything is drawn from one `random.Random`: a seeded one makes the same requests again, and one of hypothesis's own can be shrunk.
"""

import json
import random
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from router.operations.model import ServiceModel
from router.operations.shapes import ATTRIBUTE_VALUE, Kind, ListShape, MapShape, Scalar, Shape, Structure

TABLES: Final = ("hostile-hash", "hostile-range", "hostile-number")
"""Tables that exist: keys (pk S), (pk S, sk N) with indexes where they are to be had, (pk N, sk B)."""

_JUNK: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 1.5, 1e308, "", "x", "\u0000", "é𐍈", [], {}, [[]], {"": {}}, [None], {"S": None}, 2**63, -(2**63),
    "9" * 400, "a" * 2000,
)  # fmt: skip
_NAMES: Final = ("pk", "sk", "a", "b", "c", "a.b", "n", "s", "list", "map", "missing", "ttl", "_x", "Ü", "")
_NUMBERS: Final = (
    "0", "-0", "1", "-1", "1.5", "1e10", "1E+125", "9.9999999999999999999999999999999999999E+125", "1E126", "1E-130", "1E-131",
    "12345678901234567890123456789012345678", "123456789012345678901234567890123456789", "NaN", "Infinity", "0x1", " 1", "1 ",
    "", "+5", ".5", "5.",
)  # fmt: skip
_TEXTS: Final = ("", "x", "key-1", "key-2", "a" * 300, "é", "\U0001f600", "\u0000", "arn:aws:x", "0")
_BYTES: Final = ("", "AA==", "AAE=", "////", "AA", "A===", "not base64!", "QUJD")
_PATHS: Final = (
    "pk",
    "sk",
    "a",
    "#n",
    "#m",
    "a.b",
    "a[0]",
    "a.b[1].#n",
    "list[0]",
    "map.x",
    "size",
    "SELECT",
    "1a",
    "#",
    "missing",
)
_PLACEHOLDERS: Final = (":v", ":w", ":s", ":n", ":l", ":", ":undefined")
_TOKENS: Final = (
    "(", ")", ",", "=", "<>", "<", ">=", "AND", "OR", "NOT", "BETWEEN", "IN", "SET", "REMOVE", "ADD", "DELETE", "+", "-", ".",
    "[", "]", "0", "#", ":",
    "if_not_exists", "list_append", "attribute_exists", "begins_with", "contains", "size", "attribute_type", "'", '"', "\n", "\u0000",
)  # fmt: skip
_UPDATES: Final = (
    "SET n = if_not_exists(n, :one) + :one", "SET a = :text REMOVE s", "ADD n :one", "ADD numbers :set", "DELETE numbers :set",
    "SET list = list_append(if_not_exists(list, :list), :list)", "SET #n = :list, map = :map", "SET map.x = :text",
    "REMOVE list[0], map.b.#n",     "SET map.b = list[0]", "SET n = n - :one ADD numbers :set DELETE s :set",
)  # fmt: skip
_VALUES: Final[Mapping[str, Any]] = {
    ":one": {"N": "1"}, ":text": {"S": "x"}, ":set": {"NS": ["1", "7"]}, ":list": {"L": [{"N": "1"}]}, ":map": {"M": {"b": {"L": []}}},
}  # fmt: skip
_JUNK_SHARE: Final = 0.01
_TAME: Final = ("PutItem", "GetItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchWriteItem", "BatchGetItem")
_NESTING_MAX: Final = 40


class RequestGenerator:
    """Draw requests for any operation of the model."""

    def __init__(
        self, model: ServiceModel, randomness: random.Random, operations: tuple[str, ...] | None = None
    ) -> None:
        self._model = model
        self._random = randomness
        self._operations = operations or model.operations
        self._special: Mapping[str, Callable[[], Any]] = {
            "TableName": self._table_name,
            "IndexName": lambda: self._one_of("global", "local", "nowhere", ""),
            "Item": self._item,
            "Key": self._key,
            "ExclusiveStartKey": self._key,
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
            "ConditionExpression": self._condition,
            "FilterExpression": self._condition,
            "KeyConditionExpression": self._key_condition,
            "ProjectionExpression": self._projection,
            "UpdateExpression": self._update,
            "ConsistentRead": lambda: self._one_of(True, False),
            "Limit": lambda: self._one_of(1, 2, 10, 0, -1),
            "TotalSegments": lambda: self._one_of(1, 4, 1_000_000),
            "Segment": lambda: self._one_of(0, 1, 3, -1),
        }

    def request(self) -> tuple[str, bytes]:
        """Return the name of an operation and the body of a request for it."""
        tame = [operation for operation in _TAME if operation in self._operations]
        if tame and self._random.random() < 0.5:
            operation = self._random.choice(tame)
            return operation, json.dumps(self._tame(operation)).encode()
        operation = self._random.choice(self._operations)
        drawn = self._structure(self._model.input_shape(operation), 0)
        if operation == "DeleteTable" and drawn.get("TableName") in TABLES:
            drawn["TableName"] = "nowhere"
        body = json.dumps(drawn).encode()
        return operation, self._mutated(body) if self._random.random() < 0.25 else body

    # Requests that have every chance, but for what their expressions make of the items they find

    def _tame(self, operation: str) -> dict[str, Any]:
        table = self._random.choice(TABLES)
        if operation == "BatchWriteItem":
            return {"RequestItems": {table: [self._tame_write(table) for _ in range(1 + self._count())]}}
        if operation == "BatchGetItem":
            return {
                "RequestItems": {table: {"Keys": [self._tame_key(table)], "ConsistentRead": self._one_of(True, False)}}
            }
        body: dict[str, Any] = {"TableName": table, "ReturnConsumedCapacity": self._one_of("NONE", "TOTAL", "INDEXES")}
        match operation:
            case "PutItem":
                body |= {"Item": self._tame_item(table), "ReturnValues": self._one_of("NONE", "ALL_OLD")}
            case "GetItem" | "DeleteItem" | "UpdateItem":
                body["Key"] = self._tame_key(table)
            case "Query" if table == "hostile-range" and self._random.random() < 0.5:
                body["IndexName"] = self._one_of("local", "global")
                body["KeyConditionExpression"] = (
                    "pk = :pk AND a >= :text" if body["IndexName"] == "local" else "a = :text AND n < :one"
                )
            case "Query":
                body["KeyConditionExpression"] = "pk = :pk" + self._one_of(
                    "", " AND sk > :sk", " AND sk BETWEEN :sk AND :sk"
                )
        if operation == "UpdateItem":
            body["UpdateExpression"] = (
                self._random.choice(_UPDATES) if self._random.random() < 0.7 else self._update() or "REMOVE a"
            )
            body["ReturnValues"] = self._one_of("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW")
        elif operation == "GetItem" and self._random.random() < 0.3:
            body["ProjectionExpression"] = self._projection()
        if operation in ("Query", "Scan") and self._random.random() < 0.5:
            body["FilterExpression"] = self._condition()
        if operation in ("PutItem", "DeleteItem", "UpdateItem") and self._random.random() < 0.4:
            body["ConditionExpression"] = self._condition()
        return body | self._placeholders(
            table, " ".join(value for name, value in body.items() if name.endswith("Expression"))
        )

    def _placeholders(self, table: str, texts: str) -> dict[str, Any]:
        """Return names and values for just what expressions use."""
        names = {name: self._one_of("a", "n", "list", "map") for name in re.findall(r"#\w+", texts)}
        known = self._tame_key(table)
        values = {
            name: known.get(name[1:])
            or self._one_of({"N": "1"}, {"N": "2.5"}, {"S": "x"}, {"SS": ["x", "y"]}, {"L": [{"N": "1"}]})
            for name in re.findall(r":\w+", texts)
        }
        members: dict[str, Any] = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
        return {name: member for name, member in members.items() if member}

    def _tame_write(self, table: str) -> dict[str, Any]:
        return self._one_of(
            {"PutRequest": {"Item": self._tame_item(table)}}, {"DeleteRequest": {"Key": self._tame_key(table)}}
        )  # type: ignore[no-any-return]

    def _tame_key(self, table: str) -> dict[str, Any]:
        number = {"N": self._one_of("1", "2", "3")}
        if table == "hostile-number":
            return {"pk": number, "sk": {"B": self._one_of("AA==", "AAE=", "QUJD")}}
        key: dict[str, Any] = {"pk": {"S": self._one_of("key-1", "key-2", "key-3")}}
        return key if table == "hostile-hash" else {**key, "sk": number}

    def _tame_item(self, table: str) -> dict[str, Any]:
        item = self._tame_key(table)
        for name in self._some("a", "n", "list", "map", "s"):
            item[name] = self._one_of(
                {"N": self._one_of("0", "1.5", "-7E+20", "12345678901234567890123456789012345678")},
                {"S": self._random.choice(_TEXTS)},
                {"L": [{"N": "1"}, {"S": "x"}]},
                {"M": {"b": {"L": [{"N": "1"}, {"M": {"a": {"N": "2"}}}]}, "x": {"S": "y"}}},
                {"NS": ["1", "2.50"]},
            )
        return item

    # Shapes

    def _value(self, shape: Shape, depth: int) -> Any:
        if self._random.random() < _JUNK_SHARE:
            return self._random.choice(_JUNK)
        match shape:
            case Structure(name=name) if name == ATTRIBUTE_VALUE:
                return self._attribute_value(0)
            case Structure():
                return self._structure(shape, depth + 1)
            case ListShape():
                return [self._value(shape.member, depth + 1) for _ in range(self._count())]
            case MapShape():
                return {str(self._map_key(shape)): self._value(shape.value, depth + 1) for _ in range(self._count())}
            case Scalar():
                return self._scalar(shape)

    def _structure(self, shape: Structure, depth: int) -> dict[str, Any]:
        chosen = {}
        share = 0.35 if depth < 3 else 0.15
        for name, member in shape.members.items():
            if (name in shape.required and self._random.random() < 0.97) or self._random.random() < share:
                special = self._special.get(name)
                is_special = special is not None and self._random.random() > _JUNK_SHARE
                chosen[name] = special() if is_special and special is not None else self._value(member, depth)
        return chosen

    def _map_key(self, shape: MapShape) -> Any:
        # Batches are maps by table name; everything else is by attribute name.
        return self._table_name() if "TableArn" in shape.key.name else self._random.choice(_NAMES)

    def _scalar(self, shape: Scalar) -> Any:
        limits = shape.limits
        if limits.enum and self._random.random() < 0.9:
            return self._random.choice(limits.enum)
        match shape.kind:
            case Kind.BOOLEAN:
                return self._one_of(True, False)
            case Kind.INTEGER | Kind.LONG:
                return self._one_of(limits.minimum or 0, 1, 5, 1000, -1, limits.maximum or 2**31)
            case Kind.DOUBLE | Kind.TIMESTAMP:
                return self._one_of(0, 1.5, 1_700_000_000, -1)
            case _:
                return self._random.choice((*_TEXTS, *_NAMES))

    # Items

    def _table_name(self) -> Any:
        if self._random.random() < 0.9:
            return self._random.choice(TABLES)
        return self._one_of(
            "nowhere", "x", "", "arn:aws:dynamodb:us-east-1:123456789012:table/hostile-hash", "a b", 7, None
        )

    def _key(self) -> Any:
        key = {"pk": {"S": self._one_of("key-1", "key-2", "key-3")}}
        match self._random.randrange(8):
            case 0 | 1 | 2:
                return key
            case 3 | 4:
                return {**key, "sk": {"N": self._one_of("1", "2", "3")}}
            case 5:
                return {"pk": {"N": self._random.choice(_NUMBERS)}, "sk": {"B": self._random.choice(_BYTES)}}
            case 6:
                return {**key, "extra": self._attribute_value(0)}
            case _:
                return {self._random.choice(_NAMES): self._attribute_value(0)}

    def _item(self) -> Any:
        item = self._key()
        for _ in range(self._count()):
            item[self._random.choice(_NAMES)] = self._attribute_value(0)
        return item

    def _attribute_value(self, depth: int) -> Any:
        kind = self._random.choice(("S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL", "junk"))
        match kind:
            case "S":
                return {"S": self._random.choice(_TEXTS)}
            case "N":
                return {"N": self._random.choice(_NUMBERS)}
            case "B":
                return {"B": self._random.choice(_BYTES)}
            case "SS" | "NS" | "BS":
                source = {"SS": _TEXTS, "NS": _NUMBERS, "BS": _BYTES}[kind]
                return {kind: [self._random.choice(source) for _ in range(self._count())]}
            case "M" if depth < _NESTING_MAX:
                return {
                    "M": {self._random.choice(_NAMES): self._attribute_value(depth + 1) for _ in range(self._count())}
                }
            case "L" if depth < _NESTING_MAX:
                return {"L": [self._attribute_value(depth + 1) for _ in range(self._count())]}
            case "BOOL":
                return {"BOOL": self._one_of(True, False, "yes")}
            case "NULL":
                return {"NULL": self._one_of(True, False)}
            case _:
                return self._one_of(
                    {}, {"X": 1}, {"S": "a", "N": "1"}, {"S": 1}, {"N": 1}, {"L": {}}, {"M": []}, "text", 7
                )

    # Expressions

    def _names(self) -> Any:
        return {placeholder: self._random.choice(_NAMES) for placeholder in self._some("#n", "#m", "#", "n")}

    def _values(self) -> Any:
        return {placeholder: self._attribute_value(0) for placeholder in self._some(*_PLACEHOLDERS[:5])}

    def _operand(self, depth: int = 0) -> str:
        match self._random.randrange(6):
            case 0 | 1:
                return self._random.choice(_PATHS)
            case 2 | 3:
                return self._random.choice(_PLACEHOLDERS)
            case 4 if depth < 3:
                return f"size({self._operand(depth + 1)})"
            case _:
                return self._random.choice(_PATHS)

    def _condition(self, depth: int = 0) -> str:
        if self._random.random() < 0.05:
            return self._tokens()
        operand, other = self._operand(), self._operand()
        match self._random.randrange(11 if depth < 4 else 7):
            case 0 | 1:
                return f"{operand} {self._one_of('=', '<>', '<', '<=', '>', '>=')} {other}"
            case 2:
                return f"{operand} BETWEEN {other} AND {self._operand()}"
            case 3:
                return f"{operand} IN ({other}, {self._operand()})"
            case 4:
                return f"{self._one_of('attribute_exists', 'attribute_not_exists')}({operand})"
            case 5:
                return f"{self._one_of('begins_with', 'contains', 'attribute_type')}({operand}, {other})"
            case 6:
                return f"{operand} = {other}"
            case 7:
                return f"NOT {self._condition(depth + 1)}"
            case 8:
                return f"({self._condition(depth + 1)})"
            case _:
                return f"{self._condition(depth + 1)} {self._one_of('AND', 'OR')} {self._condition(depth + 1)}"

    def _key_condition(self) -> str:
        if self._random.random() < 0.2:
            return self._condition()
        sort = self._one_of(
            "", " AND sk > :n", " AND sk BETWEEN :n AND :w", " AND begins_with(sk, :v)", " AND sk = :w", " AND sk <> :v"
        )
        return f"pk = {self._one_of(':v', ':s', ':n')}{sort}"

    def _projection(self) -> str:
        return ", ".join(self._random.choice(_PATHS) for _ in range(1 + self._count()))

    def _update(self) -> str:
        if self._random.random() < 0.05:
            return self._tokens()
        clauses = []
        for clause in self._some("SET", "REMOVE", "ADD", "DELETE"):
            paths = [self._random.choice(_PATHS) for _ in range(1 + self._count() // 2)]
            match clause:
                case "SET":
                    clauses.append("SET " + ", ".join(f"{path} = {self._source()}" for path in paths))
                case "REMOVE":
                    clauses.append("REMOVE " + ", ".join(paths))
                case _:
                    clauses.append(
                        f"{clause} " + ", ".join(f"{path} {self._random.choice(_PLACEHOLDERS)}" for path in paths)
                    )
        return " ".join(clauses)

    def _source(self) -> str:
        operand, other = self._operand(3), self._operand(3)
        return str(
            self._one_of(
                operand, f"{operand} + {other}", f"{operand} - {other}", f"if_not_exists({operand}, {other})",
                f"list_append({operand}, {other})", f"if_not_exists({operand}, {other}) + {other}",
            )
        )  # fmt: skip

    def _tokens(self) -> str:
        return " ".join(
            self._random.choice((*_TOKENS, *_PATHS, *_PLACEHOLDERS)) for _ in range(self._random.randrange(12))
        )

    # Bytes

    def _mutated(self, body: bytes) -> bytes:
        """Return a body with a few bytes changed, lost, doubled or cut off."""
        mutated = bytearray(body)
        for _ in range(self._random.randrange(1, 4)):
            at = self._random.randrange(len(mutated)) if mutated else 0
            match self._random.randrange(5):
                case 0:
                    mutated[at : at + 1] = bytes((self._random.randrange(256),))
                case 1:
                    del mutated[at : at + self._random.randrange(1, 8)]
                case 2:
                    mutated[at:at] = mutated[at : at + self._random.randrange(1, 30)]
                case 3:
                    mutated[at:at] = self._one_of(
                        b"{", b"[", b'"', b"\\u", b"null", b",", b"1e999", b"\xff", b"[" * 600, b'{"M":' * 300
                    )
                case _:
                    del mutated[at:]
        return bytes(mutated)

    # Small things

    def _one_of(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _some(self, *choices: str) -> list[str]:
        return [choice for choice in choices if self._random.random() < 0.6]

    def _count(self) -> int:
        return self._random.choice((0, 1, 1, 2, 3))
