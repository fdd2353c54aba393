"""Whether a request is one that AWS would look at: types, required members, lengths, ranges, patterns, enums.

Rules that the model does not know are the operations' own; how it is said that a request is not in order, `wording` knows.
"""

from typing import Any, Final

from router.operations.acceptance import Accepts
from router.operations.coercion import coerce
from router.operations.shapes import Structure
from router.operations.wording import ValidationWording, Wording
from wire.errors import validation_error

# These look for the name of their table before the model is looked at.
_NAMED_TABLE_OPERATIONS: Final = frozenset({"CreateTable", "DeleteTable", "DescribeTable", "UpdateTable"})


class RequestValidator:
    """Validate the requests of one operation."""

    def __init__(self, operation: str, shape: Structure, accepts: Accepts, wording: ValidationWording) -> None:
        self._operation = operation
        self._shape = shape
        self.accepts = accepts
        self.wording = Wording(operation, wording)

    def validate(self, body: dict[str, Any]) -> None:
        """Return when `body` is in order; what AWS would drop or convert, has been, in place.

        Raises StoreError SERIALIZATION for a wrong type, VALIDATION for violated constraints.
        """
        if not self.accepts(body):
            self._examine(body)

    def _examine(self, body: dict[str, Any]) -> None:
        coerce(body, self._shape)
        if self._operation in _NAMED_TABLE_OPERATIONS and "TableName" not in body:
            raise validation_error("The parameter 'TableName' is required but was not present in the request")
        refusal = self.wording.refusal(body, self._shape)
        if refusal is not None:
            raise refusal
