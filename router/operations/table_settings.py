"""Settings that CreateTable and UpdateTable share, read from requests: capacity, streams, what is not supported yet.

Knows AWS's rules and words for them; refuses to know the present state of any table.
"""

from collections.abc import Iterable
from typing import Any, Final

from router.operations.one_function import not_available
from wire.errors import StoreError, validation_error
from wire.tables import StreamViewType, Throughput

INVALID: Final = "One or more parameter values were invalid: "
CAPACITY_WITH_ON_DEMAND: Final = (
    f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
)

_TABLE_CLASSES: Final = ("STANDARD", "STANDARD_INFREQUENT_ACCESS")
_CAPACITY_UNITS: Final = ("ReadCapacityUnits", "WriteCapacityUnits")
_CAPACITY_UNITS_MAX: Final = 1_000_000_000_000


def throughput_of(body: dict[str, Any], owner: str = "") -> Throughput | None:
    """Return the provisioned capacity a request asks for, or None when it names none.

    `owner` is how AWS names an index that it is for, " for index NAME".
    """
    given = body.get("ProvisionedThroughput") or {}
    for name in _CAPACITY_UNITS:
        if given.get(name, 0) > _CAPACITY_UNITS_MAX:
            raise validation_error(f"Given value {given[name]} for {name} is out of bounds{owner}")
    return unbounded_throughput_of(body)


def unbounded_throughput_of(body: dict[str, Any]) -> Throughput | None:
    """Return the provisioned capacity a request asks for, however much, or None when it names none."""
    given = body.get("ProvisionedThroughput")
    return None if given is None else Throughput(*(given[name] for name in _CAPACITY_UNITS))


def view_type_of(stream: dict[str, Any]) -> StreamViewType | None:
    """Return the view type that a StreamSpecification names."""
    view_type = stream.get("StreamViewType")
    return None if view_type is None else StreamViewType(view_type)


def table_class_of(body: dict[str, Any]) -> str | None:
    """Return the table class that a request names, or None when it names none."""
    given: str | None = body.get("TableClass")
    if given is not None and given not in _TABLE_CLASSES:
        raise validation_error(
            "Invalid table-class parameter provided. Please try again with a valid table-class value: "
            f"[{', '.join(_TABLE_CLASSES)}]."
        )
    return given


def refuse_unsupported(body: dict[str, Any], members: Iterable[str]) -> None:
    """Refuse what AWS would do and this version cannot, rather than pretend; an empty list or map asks for nothing."""
    for name in members:
        if body.get(name) not in (None, [], {}):
            raise unsupported(name)


def unsupported(what: str) -> StoreError:
    """Return the refusal of a documented parameter that is not built yet."""
    return not_available(what)
