"""What of an item a secondary index can show, held against what a request asks for.

Sources: AWS's API reference of Query and Scan, "Select". Refuses to know keys and bounds.
"""

from typing import Any

from router.operations.expression_paths import attributes_read
from router.operations.table_settings import INVALID
from router.operations.targets import Target
from wire.errors import validation_error
from wire.expressions import unpacked


def reads_from_table(target: Target, body: dict[str, Any], projection: bytes) -> bool:
    """Return whether the items have to be read, because rows of a local index do not hold all that is asked for.

    A global index that does not hold it is refused: its rows and the items may be on different nodes.
    """
    index = target.index
    if index is None or target.projected is None:
        return False
    asks_for_all = body.get("Select") == "ALL_ATTRIBUTES"
    asked = unpacked(projection)[1:] if projection else ()
    missing = [name for name in dict.fromkeys(path[1] for path in asked) if name not in target.projected]
    if index.is_local:
        return asks_for_all or bool(missing)
    if asks_for_all:
        raise validation_error(
            f"{INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} because its "
            "projection type is not ALL"
        )
    if missing:
        raise validation_error(f"{INVALID}Global secondary index {index.name} does not project [{', '.join(missing)}]")
    return False


def require_projected_filter(target: Target, data: bytes) -> None:
    """Refuse a query's filter on attributes that the index does not hold; a scan's just finds none."""
    if target.projected is None or not data:
        return
    missing = sorted(attributes_read(data).names - target.projected)
    if missing:
        assert target.index is not None, "a table holds all attributes"
        raise validation_error(
            f"{INVALID}Secondary index {target.index.name} does not project one or more filter attributes: "
            f"[{', '.join(missing)}]"
        )
