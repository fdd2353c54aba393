"""Which expressions an operation takes, and the parameters older than expressions beside them.

Knows what goes together in one request; refuses to know the languages themselves.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from router.expressions.parameters import check_parameters
from router.expressions.request import RequestExpressions
from router.operations.legacy_parameters import require_useful_operator
from wire.errors import validation_error
from wire.expressions import packed, path, projection
from wire.names import require_names

# As many as a ProjectionExpression has room for. AWS documents no bound; each name is looked for in each item.
ATTRIBUTES_TO_GET_MAX: Final = 4096

_NAMES_AND_VALUES: Final = ("ExpressionAttributeNames", "ExpressionAttributeValues")


@dataclass(frozen=True, slots=True)
class ExpressionParameters:
    """The parameters of one operation, in AWS's order."""

    expressions: tuple[str, ...]
    legacy: tuple[str, ...]
    _concerned: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_concerned", frozenset((*self.expressions, *self.legacy, *_NAMES_AND_VALUES)))

    def require_consistent(self, body: dict[str, Any]) -> None:
        """Refuse expressions mixed with older parameters, and a ConditionalOperator that has nothing to join."""
        if self._concerned.isdisjoint(body):
            return
        check_parameters(
            expressions={name: body.get(name) for name in self.expressions},
            legacy={name: body.get(name) for name in self.legacy},
            names=body.get("ExpressionAttributeNames"),
            values=body.get("ExpressionAttributeValues"),
        )
        require_useful_operator(body)

    def opened(self, body: dict[str, Any]) -> RequestExpressions | None:
        """Return what reads the request's expressions, or None when it has none."""
        if not any(name in body for name in self.expressions):
            return None
        return RequestExpressions(body.get("ExpressionAttributeNames"), body.get("ExpressionAttributeValues"))


def require_distinct_attributes(body: dict[str, Any]) -> None:
    """Refuse an AttributesToGet that names an attribute twice, or by what is no name."""
    names = body.get("AttributesToGet", ())
    if len(names) > ATTRIBUTES_TO_GET_MAX:
        raise validation_error(
            f"One or more parameter values were invalid: found {len(names)} names in AttributesToGet, expected at most "
            f"{ATTRIBUTES_TO_GET_MAX}"
        )
    require_names(names)
    seen = set()
    for name in names:
        if name in seen:
            raise validation_error(
                f"One or more parameter values were invalid: Duplicate value in attribute name: {name}"
            )
        seen.add(name)


def projection_of(body: dict[str, Any], expressions: RequestExpressions | None) -> bytes:
    """Return the projection that ProjectionExpression or AttributesToGet asks for, or nothing."""
    text = body.get("ProjectionExpression")
    if text is not None:
        assert expressions is not None, "the operation did not name ProjectionExpression among its expressions"
        return expressions.projection(text)
    names = body.get("AttributesToGet")
    if names is None:
        return b""
    require_distinct_attributes(body)
    return packed(projection(*map(path, names)))
