"""The shapes of requests, read from botocore's service models.

Knows how botocore writes a model down, and where AWS checks more than its published model says. Refuses to know what a
violation is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from wire.limits import ITEM_BYTES_MAX

ATTRIBUTE_VALUE: Final = "AttributeValue"
TABLE_ARN: Final = "TableArn"
MANAGED_TABLE_NAME: Final = (
    "ManagedTableName"  # of the operations on tables: a TableName, in whose place an ARN will do
)
_UNCHECKED: Final = "UncheckedName"  # its operation looks at it itself, and says what is wrong in words of its own

_TABLE_SETTINGS_MAX: Final = 1000

TABLE_NAME_PATTERN: Final = "[a-zA-Z0-9_.-]+"
TABLE_NAME_CHARACTERS_MAX: Final = 255
TABLE_ARN_CHARACTERS_MAX: Final = 1024


class Kind(Enum):
    """What a scalar is; the value is the name Java, and so AWS's texts, give it."""

    STRING = "String"
    INTEGER = "Integer"
    LONG = "Long"
    DOUBLE = "Double"
    BOOLEAN = "Boolean"
    BLOB = "Blob"
    TIMESTAMP = "Date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a value must satisfy: a length or a range (both ends inclusive), a pattern, a set of values."""

    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without parts."""

    name: str
    kind: Kind
    limits: Limits


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list of one shape."""

    name: str
    member: "Shape"
    limits: Limits


@dataclass(frozen=True, slots=True)
class MapShape:
    """A map from strings to one shape."""

    name: str
    key: Scalar
    value: "Shape"
    limits: Limits


def members_max(shape: ListShape | MapShape) -> int:
    """Return how many members a list or map may have at all; where the model has no maximum, as many as can be of use.

    Of attributes, their names and their values, each member takes a byte of an item. Lists of anything else say what is done
    with tables.
    """
    if shape.limits.maximum is not None:
        return shape.limits.maximum
    is_of_tables = (
        isinstance(shape, ListShape) and isinstance(shape.member, Structure) and shape.member.name != ATTRIBUTE_VALUE
    )
    return _TABLE_SETTINGS_MAX if is_of_tables else ITEM_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Structure:
    """Named members. `members` is filled while the model is read, because an AttributeValue holds AttributeValues."""

    name: str
    members: dict[str, "Shape"]
    required: tuple[str, ...]


Shape = Scalar | ListShape | MapShape | Structure

# What AWS enforces although its published model does not say so, or does not although it does: (structure, member) -> the
# shape it really has.
_STRICTER: Final = {
    ("CreateTableInput", "TableName"): MANAGED_TABLE_NAME,
    ("DeleteTableInput", "TableName"): MANAGED_TABLE_NAME,
    ("DescribeTableInput", "TableName"): MANAGED_TABLE_NAME,
    ("UpdateTableInput", "TableName"): MANAGED_TABLE_NAME,
    ("CreateTableInput", "KeySchema"): "TableKeySchema",
    ("LocalSecondaryIndex", "KeySchema"): "TableKeySchema",
    ("TableCreationParameters", "KeySchema"): "TableKeySchema",
    ("CreateGlobalTableInput", "GlobalTableName"): _UNCHECKED,
    ("DescribeGlobalTableInput", "GlobalTableName"): _UNCHECKED,
    ("DescribeGlobalTableSettingsInput", "GlobalTableName"): _UNCHECKED,
    ("UpdateGlobalTableInput", "GlobalTableName"): _UNCHECKED,
    ("UpdateGlobalTableSettingsInput", "GlobalTableName"): _UNCHECKED,
    ("RestoreTableFromBackupInput", "TargetTableName"): _UNCHECKED,
    ("RestoreTableToPointInTimeInput", "TargetTableName"): _UNCHECKED,
    ("DescribeContributorInsightsInput", "IndexName"): _UNCHECKED,
    ("UpdateContributorInsightsInput", "IndexName"): _UNCHECKED,
    ("ExportTableToPointInTimeInput", "TableArn"): _UNCHECKED,
    ("SearchSchemaElement", "AttributeName"): "SearchedAttributeName",
}
# Where AWS differs from its published model: what it checks by hand, later and in other words, and what it does check here.
_CORRECTED: Final[dict[str, dict[str, object]]] = {
    "BackupArn": {"min": None, "max": None},
    "AttributeName": {"max": None},
    "KMSMasterKeyId": {"min": 1},
    "TableClass": {"enum": []},
    "Tag": {"required": []},
    "TagKeyString": {"min": None, "max": None},
    "TagValueString": {"min": None, "max": None},
}
# Only global secondary indexes may have several attributes per half of the key.
_TABLE_KEY_ATTRIBUTES_MAX: Final = 2


class ShapeReader:
    """Turn the shapes of one botocore service model into ours, each once."""

    def __init__(self, raw_shapes: Mapping[str, Mapping[str, Any]]) -> None:
        self._raw = {name: {**raw, **_CORRECTED.get(name, {})} for name, raw in raw_shapes.items()}
        if "KeySchema" in self._raw:
            self._raw["TableKeySchema"] = {**self._raw["KeySchema"], "max": _TABLE_KEY_ATTRIBUTES_MAX}
        if "AttributeName" in self._raw:
            self._raw["SearchedAttributeName"] = dict(raw_shapes["AttributeName"])
        if "TableName" in self._raw:
            self._raw[MANAGED_TABLE_NAME] = self._raw["TableName"]
        self._raw[_UNCHECKED] = {"type": "string"}
        self._shapes: dict[str, Shape] = {}

    def shape(self, name: str) -> Shape:
        """Return the shape called `name`."""
        known = self._shapes.get(name)
        if known is not None:
            return known
        raw = self._raw[name]
        match raw["type"]:
            case "structure":
                return self._structure(name, raw)
            case "list":
                shape: Shape = ListShape(name, self.shape(raw["member"]["shape"]), _limits(raw))
            case "map":
                key = self.shape(raw["key"]["shape"])
                assert isinstance(key, Scalar), f"the keys of {name} are not scalars"
                shape = MapShape(name, key, self.shape(raw["value"]["shape"]), _limits(raw))
            case kind:
                shape = Scalar(name, Kind[kind.upper()], _limits(raw))
        self._shapes[name] = shape
        return shape

    def structure(self, name: str) -> Structure:
        """Return the structure called `name`."""
        shape = self.shape(name)
        assert isinstance(shape, Structure), f"{name} is not a structure"
        return shape

    def _structure(self, name: str, raw: Mapping[str, Any]) -> Structure:
        structure = Structure(name, {}, tuple(raw.get("required", ())))
        self._shapes[name] = structure
        for member, reference in raw["members"].items():
            structure.members[member] = self.shape(_STRICTER.get((name, member), reference["shape"]))
        return structure


def _limits(raw: Mapping[str, Any]) -> Limits:
    return Limits(
        minimum=raw.get("min"), maximum=raw.get("max"), pattern=raw.get("pattern"), enum=tuple(raw.get("enum", ()))
    )
