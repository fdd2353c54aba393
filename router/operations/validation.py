"""Whether a request is one that AWS would look at: types, required members, lengths, ranges, patterns, enums.

Knows the two wordings in which AWS says that it is not. Rules that the model does not know are the operations' own.
"""

from collections.abc import Iterable
from enum import Enum
from itertools import islice
from typing import Any, Final

from router.operations.acceptance import Accepts
from router.operations.coercion import coerce
from router.operations.constraints import Violation, violations
from router.operations.shapes import Structure
from wire.errors import StoreError, validation_error

VIOLATIONS_MAX: Final = 10

# These look for the name of their table before the model is looked at.
_NAMED_TABLE_OPERATIONS: Final = frozenset({"CreateTable", "DeleteTable", "DescribeTable", "UpdateTable"})
# And these for an empty batch.
_BATCHES: Final = frozenset({"BatchGetItem", "BatchWriteItem"})


class ValidationWording(Enum):
    """How violations are put into words."""

    CLASSIC = "classic"  # every violation, with the value
    FIRST_ONLY = "first-only"  # since 2026, in most regions: the first, without the value


class RequestValidator:
    """Validate the requests of one operation."""

    def __init__(self, operation: str, shape: Structure, accepts: Accepts, wording: ValidationWording) -> None:
        self._operation = operation
        self._shape = shape
        self.accepts = accepts
        self._wording = wording

    def validate(self, body: dict[str, Any]) -> None:
        """Return when `body` is in order; what AWS would drop or convert, has been, in place.

        Raises StoreError SERIALIZATION for a wrong type, VALIDATION for violated constraints.
        """
        if not self.accepts(body):
            self._examine(body)

    def _examine(self, body: dict[str, Any]) -> None:
        coerce(body, self._shape)
        refusal = _spoken_by_the_operation(self._operation, body, self._wording)
        if refusal is not None:
            raise refusal
        found = violations(body, self._shape, in_hash_order=self._wording is ValidationWording.CLASSIC)
        texts = _texts(found, self._wording)
        if texts:
            errors = "error" if len(texts) == 1 else "errors"
            raise validation_error(f"{len(texts)} validation {errors} detected: {'; '.join(texts)}")


def _texts(found: Iterable[Violation], wording: ValidationWording) -> list[str]:
    if wording is ValidationWording.CLASSIC:
        return [_classic_text(violation) for violation in islice(found, VIOLATIONS_MAX)]
    return [_short_text(violation) for violation in islice(found, 1)]


def _classic_text(violation: Violation) -> str:
    where = f"{violation.value_text()} at '{violation.path.java}'"
    return f"Value {where} failed to satisfy constraint: {violation.constraint}"


def _short_text(violation: Violation) -> str:
    # What is missing, and what is wrong with a name, is still said the classic way.
    if violation.value is None or violation.is_name_rule:
        return _classic_text(violation)
    return f"Value at '{violation.path.model}' failed to satisfy constraint: {violation.constraint}"


def _spoken_by_the_operation(operation: str, body: dict[str, Any], wording: ValidationWording) -> StoreError | None:
    """Return the refusal of what an operation words itself, before the model is asked."""
    if operation in _NAMED_TABLE_OPERATIONS and "TableName" not in body:
        return validation_error("The parameter 'TableName' is required but was not present in the request")
    if operation in _BATCHES and body.get("RequestItems") == {} and wording is ValidationWording.CLASSIC:
        return validation_error(f"The requestItems parameter is required for {operation}")
    return None
