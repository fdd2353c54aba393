"""What the leader decides about expired items, against their newest state like any write.

Pure. A row is only a hint that an item may have expired: what counts is the item as it is now, under the table's time to live as the
leader's catalog has it now. Refuses to know where the state comes from.
"""

from collections.abc import Callable
from typing import Final

from node.partition.effects import combined_effect, expiry_effect
from node.partition.expiry import Expire, ExpiryClock, IndexExpiries, active_time_to_live, encode_rows, expiry_of
from node.partition.item_collections import Collection
from node.partition.writes import Decision, Stamping, decide_removal
from node.storage.records import Record
from wire.commands import Written
from wire.keys import ItemKey
from wire.tables import TableSpec

_DONE: Final = Written(b"", 0, 0)


def decide_expire(  # what, on which state, when
    command: Expire,
    table: TableSpec,
    stored: Record | None,
    stamping: Stamping,
    due: ExpiryClock,
    collection: Collection,
) -> Decision:
    """Decide to delete an item, to remove a row that the item has left behind, or to do nothing."""
    time_to_live = active_time_to_live(table, command.generation)
    if time_to_live is None:
        # Nobody reads this index any more; it is collected as a whole.
        return Decision(_DONE)
    if expiry_of(time_to_live, stored) != command.expiry:
        gone = encode_rows(command.generation, command.key, command.expiry, None)
        return Decision(_DONE, expiry_effect(table.number, gone))
    if not due.is_due(table, command.expiry):
        return Decision(_DONE)
    return decide_removal(table, command.key, stored, stamping, collection)


def decide_indexing(command: IndexExpiries, table: TableSpec, find: Callable[[ItemKey], Record | None]) -> bytes:
    """Return the effect that gives items the rows they should have; those that have them keep them. Raises StorageError."""
    time_to_live = active_time_to_live(table, command.generation)
    if time_to_live is None:
        return b""
    effects = []
    for key in command.keys:
        expiry = expiry_of(time_to_live, find(key))
        if expiry is not None:
            effects.append(expiry_effect(table.number, encode_rows(command.generation, key, None, expiry)))
    return combined_effect(effects) if effects else b""
