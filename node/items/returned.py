"""ReturnValues: what an update tells its caller about the item before and after."""

from node.items.updates import Update
from wire.items import Item


def returned_attributes(return_values: str, update: Update, old: Item | None, new: Item | None) -> Item | None:
    """Return the response's Attributes for AWS's `return_values`, or None where the response has none."""
    match return_values:
        case "ALL_OLD":
            return old
        case "ALL_NEW":
            return new
        case "UPDATED_OLD":
            return (update.touched(old) or None) if old is not None else None
        case "UPDATED_NEW":
            return (update.touched(new) or None) if new is not None else None
    return None
