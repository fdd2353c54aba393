"""How AWS says that a request is not in order: in the classic words, and in those of 2026, operation by operation.

Faults are found and first worded elsewhere, the classic way; here alone it is known what becomes of that since AWS replaced the readers of
its requests, one layer after the other. Sources: the runs on AWS that dynamodb-conformance (to 2026-10-09) and ack-api-quirks
(2026-10-09) publish, and moto's and floci's recordings of AWS; the tests name them. Where regions differ, the majority is followed; of
Scan, whose roll-out was under way, the regions that had it, us-east-1 among them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any, Final

import orjson

from router.operations.constraints import Violation, violations
from router.operations.java_texts import HASH_BUCKETS_MIN, QUOTED_CHARACTERS_MAX
from router.operations.shapes import Structure
from wire.errors import ErrorCode, StoreError, validation_error
from wire.items import ITEM_TO_UPDATE_TOO_LARGE, ITEM_TOO_LARGE, DuplicateMembers, nesting_of
from wire.numbers import OVERFLOW, UNDERFLOW, ExponentWrappedError

VIOLATIONS_MAX: Final = 10
# What is counted as one of the model's constraints although the model does not know it.
_ENVELOPE: Final = "1 validation error detected: "


class ValidationWording(Enum):
    """The generation of AWS's words."""

    CLASSIC = "classic"  # everywhere until the spring of 2026
    CURRENT = "current"  # in most regions since October 2026


class RequestFault(StoreError):
    """A refusal that the request alone is the reason for: no table was looked at."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(error.code, error.message, error.members)
        self.found = error


class _RequestAlone:
    """What is refused inside is refused for the request's own sake."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StoreError):
            raise RequestFault(error) from None


REQUEST_ALONE: Final = _RequestAlone()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What is said otherwise than the classic way of a violation at a path, spelled as the model does."""

    path: re.Pattern[str]
    says: Callable[[Violation], str]
    constraint: str = ""  # how the constraint begins or, when empty, whatever it is
    is_alone: bool = False  # said instead of everything else that is wrong
    is_bare: bool = False  # and not counted

    def fits(self, violation: Violation) -> bool:
        """Return whether the rule is for this violation."""
        return self.path.fullmatch(violation.path.model) is not None and violation.constraint.startswith(
            self.constraint
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """How one operation words its refusals."""

    rules: tuple[_Rule, ...] = ()
    rewordings: tuple[
        Callable[[StoreError], str | None], ...
    ] = ()  # of what the model does not know; the first that fits
    counts_faults: bool = False  # a RequestFault is counted like one of the model's constraints
    empty_batch: str = ""  # what is said of a batch of nothing
    hash_buckets: int = HASH_BUCKETS_MIN
    classic_without: str = ""  # without this member all is said the classic way
    classic_from_nesting: int = 0  # with values nested so deep, too


class Wording:
    """The words of one operation."""

    def __init__(self, operation: str, wording: ValidationWording) -> None:
        self._operation = operation
        self._layer = _LAYERS[wording].get(operation, _CLASSIC_LAYER)

    def refusal(self, body: dict[str, Any], shape: Structure) -> StoreError | None:
        """Return what is said of a body, whose types are right, that violates the model, or None when it does not."""
        if self._layer.empty_batch and body.get("RequestItems") == {}:
            return validation_error(self._layer.empty_batch)
        layer = _CLASSIC_LAYER if self._is_read_the_classic_way(body) else self._layer
        found = list(islice(violations(body, shape, hash_buckets=layer.hash_buckets), VIOLATIONS_MAX))
        return _counted(found, layer) if found else None

    def said(self, error: StoreError) -> StoreError:
        """Return what is said of a fault that the model does not know."""
        if error.code is not ErrorCode.VALIDATION:
            return error
        found = error.found if isinstance(error, RequestFault) else error
        text = next((text for reword in self._layer.rewordings if (text := reword(found)) is not None), error.message)
        if self._layer.counts_faults and isinstance(error, RequestFault) and text not in _SIZES:
            text = _ENVELOPE + text
        return error if text == error.message else StoreError(error.code, text, error.members)

    def _is_read_the_classic_way(self, body: dict[str, Any]) -> bool:
        layer = self._layer
        if layer.classic_without and layer.classic_without not in body:
            return True
        return bool(layer.classic_from_nesting) and nesting_of(body) >= layer.classic_from_nesting


def _counted(found: list[Violation], layer: _Layer) -> StoreError:
    for rule in layer.rules:
        alone = next((violation for violation in found if rule.is_alone and rule.fits(violation)), None)
        if alone is not None:
            return validation_error(("" if rule.is_bare else _ENVELOPE) + rule.says(alone))
    texts = [_text(violation, layer.rules) for violation in found]
    return validation_error(f"{len(texts)} validation error{'s'[: len(texts) > 1]} detected: {'; '.join(texts)}")


def _text(violation: Violation, rules: Iterable[_Rule]) -> str:
    return next((rule.says for rule in rules if rule.fits(violation)), _classic)(violation)


def _classic(violation: Violation) -> str:
    where = f"{violation.value_text()} at '{violation.path.java}'"
    return f"Value {where} failed to satisfy constraint: {violation.constraint}"


def _named(violation: Violation) -> str:
    """Say it without the value; of a value of a map, of that and not of the map."""
    inner = violation.inner or violation
    return f"Value at '{inner.path.model}' failed to satisfy constraint: {inner.constraint}"


def _listing(members: str) -> Callable[[Violation], str]:
    """Return what says neither value nor member, and lists what may be there as AWS does, mistakes included."""
    text = f"Failed to satisfy constraint: Member must satisfy enum value set: [{members}]"
    return lambda _: text


def _json_echo(violation: Violation) -> str:
    quoted = orjson.dumps(violation.value).decode()
    cut = quoted if len(quoted) <= QUOTED_CHARACTERS_MAX else f"{quoted[:QUOTED_CHARACTERS_MAX]}..."
    return f"Value '{cut}' at '{violation.path.java}' failed to satisfy constraint: {violation.constraint}"


_TOO_SHORT: Final = "Member must have length greater"
# Refused by their size, requests are told so bare.
_SIZES: Final = frozenset((ITEM_TOO_LARGE, ITEM_TO_UPDATE_TOO_LARGE))

_VALUES: Final = "ExpressionAttributeValues"
_UNWANTED_VALUES: Final = f"{_VALUES} can only be specified when using expressions"
_ZERO_BASED: Final = "The Segment parameter is zero-based and must be less than parameter TotalSegments"
_STARTING_KEY: Final = "The provided starting key is invalid"
_MISMATCH: Final = "The provided key element does not match the schema"
_NOT_NUMERIC: Final = "The parameter cannot be converted to a numeric value"


def _unwrapped(error: StoreError) -> str | None:
    """Say of a value of an expression what is said of any value."""
    cause = error.__cause__
    if not isinstance(cause, StoreError) or not error.message.startswith(f"{_VALUES} contains invalid value: "):
        return None
    return next((text for reword in _OF_VALUES if (text := reword(cause)) is not None), cause.message)


def _duplicates(error: StoreError) -> str | None:
    if not isinstance(error, DuplicateMembers):
        return None
    invalid = "One or more parameter values were invalid: Input collection "
    listed = [orjson.dumps(member).decode() for member in error.sorted_to_the_first_repeat()]
    match error.kind:
        case "SS":
            return f"{invalid}[{', '.join(listed)}] contains duplicates."
        case "BS":
            return f"{invalid}[{','.join(listed)}]of type BS contains duplicates."
    return f"{invalid}contains duplicates."


def _not_numeric(error: StoreError) -> str | None:
    return f"{_NOT_NUMERIC}: " if error.message == _NOT_NUMERIC else None


def _unwanted_values(error: StoreError) -> str | None:
    return _UNWANTED_VALUES if error.message.startswith(_UNWANTED_VALUES) else None


def _bare_segment(error: StoreError) -> str | None:
    return _ZERO_BASED if error.message.startswith(_ZERO_BASED) else None


def _bare_starting_key(error: StoreError) -> str | None:
    return _STARTING_KEY if error.message == f"{_STARTING_KEY}: {_MISMATCH}" else None


def _wrapped_exponent(error: StoreError) -> str | None:
    """Say of an exponent that fills a word of 32 bits what was said of it as long as the next one was negative."""
    cause: BaseException | None = error
    while isinstance(cause, StoreError):
        cause = cause.__cause__
    return error.message.replace(OVERFLOW, UNDERFLOW) if isinstance(cause, ExponentWrappedError) else None


_OF_VALUES: Final = (_duplicates, _not_numeric)
_OF_EXPRESSIONS: Final = (_unwrapped, *_OF_VALUES, _unwanted_values)
_OLDER: Final = (_wrapped_exponent,)
_CLASSIC_LAYER: Final = _Layer(rewordings=_OLDER)


def _empty_batch(operation: str) -> str:
    return f"The requestItems parameter is required for {operation}"


def _of_writes(violation: Violation) -> str:
    """Name a list of writes that is too long, and echo one that is empty."""
    inner = violation.inner
    assert inner is not None, f"{violation.path.model}: a map's value breaks its bounds, and nothing says how"
    return _classic(violation) if inner.constraint.startswith(_TOO_SHORT) else _named(violation)


def _at(member: str) -> re.Pattern[str]:
    return re.compile(member, re.DOTALL)


_EMPTY_NAME: Final = _Rule(path=_at("TableName"), constraint=_TOO_SHORT, says=_named, is_alone=True)
_OPERATOR: Final = _Rule(path=_at("ConditionalOperator"), says=_listing("ALL, OR"))
_RETURNED: Final = _listing("ALL_OLD, UPDATED_OLD, ALL_NEW, UPDATE_NEW, NONE")
_RETURN_VALUES: Final = _Rule(path=_at("ReturnValues"), says=_RETURNED)
_RETURN_VALUES_ALONE: Final = _Rule(path=_at("ReturnValues"), says=_RETURNED, is_alone=True)
_WIDER: Final = (
    HASH_BUCKETS_MIN * 2
)  # today's puts and deletes have more members than the model shows, as many as updates
_NESTING: Final = 63

_WRITE: Final = _Layer(
    rules=(_EMPTY_NAME, _RETURN_VALUES, _OPERATOR),
    rewordings=_OF_EXPRESSIONS,
    counts_faults=True,
    hash_buckets=_WIDER,
    classic_from_nesting=_NESTING,
)
_LAYERS: Final[Mapping[ValidationWording, Mapping[str, _Layer]]] = {
    ValidationWording.CLASSIC: {
        "Query": _Layer(rewordings=_OLDER, counts_faults=True),
        "BatchGetItem": _Layer(rewordings=_OLDER, empty_batch=_empty_batch("BatchGetItem")),
        "BatchWriteItem": _Layer(rewordings=_OLDER, empty_batch=_empty_batch("BatchWriteItem")),
    },
    # What is not here - tables, time to live, tags, transactions, statements, streams - is as it was.
    ValidationWording.CURRENT: {
        "PutItem": _WRITE,
        "DeleteItem": _WRITE,
        "UpdateItem": _Layer(
            rules=(_EMPTY_NAME, _RETURN_VALUES_ALONE, _OPERATOR),
            rewordings=_OF_EXPRESSIONS,
            counts_faults=True,
            classic_without="Key",
            classic_from_nesting=_NESTING,
        ),
        "GetItem": _Layer(rewordings=_OF_EXPRESSIONS),
        "Query": _Layer(
            rules=(
                _Rule(path=_at("ConditionalOperator"), says=_listing("ALL, OR"), is_alone=True, is_bare=True),
                _Rule(path=_at("Limit"), says=_named),
            ),
            rewordings=_OF_EXPRESSIONS,
            counts_faults=True,
        ),
        "Scan": _Layer(
            rules=(_OPERATOR, _Rule(path=_at("Limit|Segment|TotalSegments"), says=_named)),
            rewordings=(_bare_segment, _bare_starting_key, *_OLDER),
            counts_faults=True,
        ),
        "BatchGetItem": _Layer(
            rules=(
                _Rule(path=_at("RequestItems"), constraint="Map keys", says=_json_echo),
                _Rule(path=_at(r"RequestItems|RequestItems\..*\.member\.Keys"), says=_named),
            ),
            rewordings=_OF_EXPRESSIONS,
        ),
        "BatchWriteItem": _Layer(
            rules=(
                _Rule(path=_at("ReturnConsumedCapacity|ReturnItemCollectionMetrics"), says=_classic, is_alone=True),
                _Rule(path=_at("RequestItems"), constraint="Map value", says=_of_writes),
            ),
            rewordings=_OLDER,
            empty_batch=_empty_batch("BatchWriteItem"),
        ),
    },
}
