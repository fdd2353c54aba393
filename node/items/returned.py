"""ReturnValues: what an update tells its caller about the item before and after."""

from node.items.updates import Update
from wire.commands import Returned
from wire.items import Item


def returned_attributes(returned: Returned, update: Update, old: Item | None, new: Item | None) -> Item | None:
    """Return the response's Attributes, or None where the response has none."""
    match returned:
        case Returned.NONE:
            return None
        case Returned.ALL_OLD:
            return old
        case Returned.ALL_NEW:
            return new
        case Returned.UPDATED_OLD:
            return _touched(update, old)
        case Returned.UPDATED_NEW:
            return _touched(update, new)


def _touched(update: Update, item: Item | None) -> Item | None:
    return None if item is None else update.touched(item) or None
