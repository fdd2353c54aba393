"""The API as botocore's own service models describe it, compiled once at start.

Knows which operations there are, what their requests look like and what their errors are called. Refuses to know what
any of them does.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import orjson

from router.operations.acceptance import AcceptanceCompiler, Accepts
from router.operations.coercion import coerce, coerced_attribute_value
from router.operations.shapes import ATTRIBUTE_VALUE, ShapeReader, Structure
from router.operations.validation import RequestValidator
from router.operations.wording import ValidationWording, Wording

_SERVICES: Final = ("dynamodb", "dynamodbstreams")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorShape:
    """One error of the model: its status, and the members its body may have."""

    name: str
    status: int
    message_member: str  # "message" or "Message"
    members: frozenset[str]


class ServiceModel:
    """The operations of DynamoDB and DynamoDB Streams."""

    def __init__(self, raw_models: Mapping[str, Mapping[str, Any]], wording: ValidationWording) -> None:
        self._validators: dict[str, RequestValidator] = {}
        self._inputs: dict[str, Structure] = {}
        self._errors: dict[str, ErrorShape] = {}
        self._errors_of: dict[str, tuple[str, ...]] = {}
        for raw in raw_models.values():
            self._add(raw, wording)
        self._attribute_value = ShapeReader(raw_models["dynamodb"]["shapes"]).structure(ATTRIBUTE_VALUE)

    @classmethod
    def load(cls, wording: ValidationWording = ValidationWording.CURRENT) -> "ServiceModel":
        """Return the model of the installed botocore."""
        return cls({name: _raw_model(name) for name in _SERVICES}, wording)

    def _add(self, raw: Mapping[str, Any], wording: ValidationWording) -> None:
        reader = ShapeReader(raw["shapes"])
        compiler = AcceptanceCompiler()
        for name, operation in raw["operations"].items():
            shape = reader.structure(operation["input"]["shape"])
            self._inputs[name] = shape
            self._validators[name] = RequestValidator(name, shape, compiler.compiled(shape), wording)
            self._errors_of[name] = tuple(error["shape"] for error in operation.get("errors", ()))
        for name, shape in raw["shapes"].items():
            if shape.get("exception"):
                self._errors.setdefault(name, _error_shape(name, shape))

    @property
    def operations(self) -> tuple[str, ...]:
        """Return the names of all operations."""
        return tuple(self._validators)

    def input_shape(self, operation: str) -> Structure:
        """Return what a request of `operation` looks like."""
        return self._inputs[operation]

    @property
    def errors(self) -> Mapping[str, ErrorShape]:
        """Return the modelled errors by name."""
        return self._errors

    def errors_of(self, operation: str) -> tuple[str, ...]:
        """Return the names of the errors that `operation` may answer with."""
        return self._errors_of[operation]

    def accepting(self, operation: str) -> Accepts:
        """Return what tells quickly that a request is in order; what it does not accept, `validate` has to look at."""
        return self._validators[operation].accepts

    def wording(self, operation: str) -> Wording:
        """Return how refusals of `operation` are worded."""
        return self._validators[operation].wording

    def validate(self, operation: str, body: dict[str, Any]) -> None:
        """Return when `body` is a request of `operation` that AWS would look at.

        Members AWS does not know are dropped from `body`, and what it converts is converted, in place. AttributeValues
        are checked only to be JSON objects. Raises StoreError SERIALIZATION or VALIDATION with AWS's texts.
        """
        self._validators[operation].validate(body)

    def require_types(self, operation: str, body: dict[str, Any]) -> None:
        """Return when every value of `body` has the JSON type it should have, AttributeValues to their depths included.

        The way to AWS's exact text when an item turned out not to be one. Raises StoreError SERIALIZATION.
        """
        coerce(body, self._inputs[operation])

    def require_attribute_value_types(self, value: Any) -> None:
        """Return when `value` has the JSON types of an AttributeValue; raises StoreError SERIALIZATION."""
        coerced_attribute_value(value, self._attribute_value)


def _raw_model(service: str) -> Mapping[str, Any]:
    """Read the newest model of a service; botocore's own loader would import all of its HTTP client first."""
    newest = max((resources.files("botocore") / "data" / service).iterdir(), key=lambda version: version.name)
    packed = newest / "service-2.json.gz"
    raw: Mapping[str, Any] = orjson.loads(gzip.decompress(packed.read_bytes()))
    return raw


def _error_shape(name: str, raw: Mapping[str, Any]) -> ErrorShape:
    members = frozenset(raw["members"])
    status = raw.get("error", {}).get("httpStatusCode", 500 if raw.get("fault") else 400)
    return ErrorShape(
        name=name, status=status, message_member="Message" if "Message" in members else "message", members=members
    )
