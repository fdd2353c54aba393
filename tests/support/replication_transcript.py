"""A shipper core's transcripts: feed it events, keep what it asked for last."""

from itertools import count
from typing import TypeVar

from node.replication import events as e
from node.replication.core import CURSOR_SECONDS, ShipperCore
from node.replication.cursors import BatchId, Cursor
from tests.support.replication_store import change_of
from wire.commands import HeldChange, Position
from wire.keys import ItemKey, key_hash

Effect = TypeVar("Effect")

UP = e.LinkChanged(is_connected=True)
DOWN = e.LinkChanged(is_connected=False)
PAUSED = e.LinkChanged(is_connected=True, is_paused=True)


def member(
    table: int = 1, generation: int = 5, *, source: bool = False, members: tuple[int, ...] = (1, 2, 3)
) -> e.Membership:
    return e.Membership(
        table=table,
        name=f"table{table}",
        global_table_id="global",
        generation=generation,
        members=members,
        sends_everything=source,
        awaits_backfill=source,
    )


def cursor(
    sequence: int = 10, generation: int = 5, *, scanning: bool = False, members: tuple[int, ...] = (1, 2, 3)
) -> Cursor:
    return Cursor(generation=generation, sequence=sequence, is_scanning=scanning, members=members)


def position(name: str) -> Position:
    key = ItemKey(name.encode())
    return Position(key_hash(key.partition), key)


class Transcript:
    """Feed a core and keep what it asked for last."""

    def __init__(self, *, catalog_version: int = 9) -> None:
        self.core = ShipperCore(catalog_version=catalog_version, backoff_seconds_max=2.0, batch_ids=count(1))
        self.now = 1000.0
        self.age_ms = 2_000  # of the change that a read finds
        self.effects: list[e.Effect] = []

    def step(self, event: e.Event) -> list[e.Effect]:
        self.effects = [each for each in self.core.step(event, self.now) if not isinstance(each, e.WakeAt)]
        return self.effects

    def wait(self, seconds: float) -> list[e.Effect]:
        self.now += seconds
        return self.step(e.Ticked())

    def one(self, kind: type[Effect]) -> Effect:
        found = [effect for effect in self.effects if isinstance(effect, kind)]
        assert len(found) == 1, f"expected one {kind.__name__}, found {self.effects}"
        return found[0]

    def started(self, *, at: int = 10, link: e.LinkChanged = UP, table: int = 1) -> "Transcript":
        """Load a table whose cursor stands at a sequence number, and read to the end of its records."""
        self.step(e.TablesChanged(memberships=(member(table),)))
        self.step(e.CursorLoaded(table=table, cursor=cursor(at)))
        self.read(after=at, through=at, latest=at, changes=0, table=table)
        self.step(link)
        return self

    def read(
        self, after: int, through: int, latest: int, changes: int = 1, table: int = 1, oldest: int = 1, size: int = 10
    ) -> list[e.Effect]:
        shipment = e.Shipment(
            changes=tuple(change_of(f"key{number}") for number in range(changes)),
            bytes=size if changes else 0,
            oldest_ms=5_000 if changes else 0,
        )
        return self.step(
            e.ChangesRead(
                table=table,
                shipment=shipment,
                after=after,
                through=through,
                oldest=oldest,
                latest=latest,
                has_more=through < latest,
                read_ms=5_000 + self.age_ms,
            )
        )

    def scanned(
        self,
        after: Position | None,
        through: Position | None,
        *,
        last: bool = False,
        members: tuple[int, ...] = (1, 2, 3),
    ) -> list[e.Effect]:
        shipment = e.Shipment() if last else e.Shipment(changes=(change_of("item"),), bytes=10)
        return self.step(
            e.ItemsRead(table=1, shipment=shipment, after=after, through=through, members=members, is_last=last)
        )

    def applied(self, latest: int, table: int = 1) -> list[e.Effect]:
        return self.step(e.ChangesApplied(tables=(table,), latest=latest))

    def acknowledged(self, batch: int, superseded: int = 0, held: tuple[HeldChange, ...] = ()) -> list[e.Effect]:
        return self.step(e.Acknowledged(batch=BatchId(batch), applied=1, superseded=superseded, held=held))

    def refused(self, batch: int) -> list[e.Effect]:
        return self.step(e.Refused(batch=BatchId(batch), reason="NotReady: later"))

    def ships(self, after: int, through: int) -> BatchId:
        """Apply, read and send one batch; return its id."""
        self.applied(through)
        self.read(after, through, through)
        return self.one(e.Send).batch

    def cursor_after(self, seconds: float = CURSOR_SECONDS) -> int:
        self.wait(seconds)
        stored = self.one(e.StoreCursor).cursor
        assert stored is not None
        return stored.sequence
