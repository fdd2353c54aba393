"""Finding the table that a request names.

Knows the two ways in which AWS says that there is none, and what names have to be; refuses to know what is done with a table.
"""

from typing import Any

from router.operations.arns import table_name
from router.operations.shapes import TABLE_NAME_CHARACTERS_MAX
from wire.catalog import CatalogView
from wire.cluster import Home
from wire.errors import ErrorCode, StoreError, validation_error
from wire.tables import TableSpec, TableStatus

_NAME_CHARACTERS_MIN = 3
_WITHOUT_ITEMS = frozenset({TableStatus.CREATING, TableStatus.DELETING})


def table_of_items(view: CatalogView, given: str, home: Home) -> TableSpec:
    """Return the table whose items a request is about; one that is being made or dropped has none yet, or no more."""
    spec = view.tables.get(given) or view.tables.get(table_name(given, home))
    if spec is None or spec.status in _WITHOUT_ITEMS:
        raise StoreError(ErrorCode.RESOURCE_NOT_FOUND, "Requested resource not found")
    return spec


def described_table(view: CatalogView, body: dict[str, Any], home: Home) -> TableSpec:
    """Return the table that a request of the control plane names, whatever its status."""
    name = table_name(body["TableName"], home)
    spec = view.tables.get(name)
    if spec is None:
        raise table_not_found(name)
    return spec


def require_name(name: str, member: str) -> None:
    """Refuse a name that is too short or too long where AWS does not leave that to its model; `member` is its word for it."""
    if not _NAME_CHARACTERS_MIN <= len(name) <= TABLE_NAME_CHARACTERS_MAX:
        raise validation_error(
            f"{member} must be at least {_NAME_CHARACTERS_MIN} characters long and at most {TABLE_NAME_CHARACTERS_MAX} "
            "characters long"
        )


def table_not_found(name: str) -> StoreError:
    """Return what requests of the control plane answer about a table that is not there."""
    return StoreError(ErrorCode.RESOURCE_NOT_FOUND, f"Requested resource not found: Table: {name} not found")
