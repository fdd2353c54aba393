"""The state machine of partition 0: changes in, deltas out, rows on disk.

It fits `node.partition.machine.StateMachine`. The leader keeps the newest view, with what it decided and has not applied yet, apart
from the applied one, which is what this node believes and shows to others.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import ValidationError

from node.catalog.decisions import decide
from node.catalog.rules import CatalogRules, Decision, next_version
from node.partition.machine import Evaluation, LeaderCommand
from node.storage.engine import Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.layout import state_key, successor
from node.storage.sealed import sealed, unsealed
from wire.catalog import CATALOG_PARTITION, CatalogView, Delta, decode_delta, encode_delta
from wire.catalog_changes import Decided, decode_change
from wire.commands import CatalogDecided, ChangeCatalog, Failed
from wire.errors import ErrorCode, StoreError

_ROW = state_key(CATALOG_PARTITION, "catalog/row/")
_VERSION = state_key(CATALOG_PARTITION, "catalog/version")


class _Pending(NamedTuple):
    """A delta that was evaluated for the log entry `entry` and is not applied yet."""

    entry: int
    delta: Delta


class CatalogMachine:
    """Decide and apply changes of the catalog; `on_change` is told of every delta once it is applied."""

    def __init__(self, rules: CatalogRules, on_change: Callable[[Delta], None]) -> None:
        self._rules = rules
        self._on_change = on_change
        self._rows: dict[str, bytes] = {}
        self._applied = CatalogView()
        self._newest = CatalogView()
        self._pending: list[_Pending] = []

    @property
    def view(self) -> CatalogView:
        """Return the applied view."""
        return self._applied

    def evaluate(self, command: LeaderCommand, view: View, index: int) -> Evaluation:
        """Decide a change. `view` is not needed: all rows are in memory."""
        rests_on = self._pending[-1].entry if self._pending else 0
        if not isinstance(command, ChangeCatalog):
            failed = Failed(ErrorCode.INTERNAL, f"the catalog only takes changes, found {type(command).__name__}")
            return Evaluation(b"", failed, rests_on)
        try:
            decision = decide(self._newest, decode_change(command.payload), self._rules)
        except StoreError as error:
            return Evaluation(b"", Failed(error.code, error.message), rests_on)
        except ValidationError as error:
            return Evaluation(b"", Failed(ErrorCode.INTERNAL, f"a change that cannot be read: {error}"), rests_on)
        return self._evaluated(decision, index, rests_on)

    def apply(self, effects: Sequence[bytes], sequence: int, transaction: Transaction) -> int:
        """Write deltas; they take no change sequence numbers."""
        for effect in effects:
            write_delta(decode_delta(effect), transaction)
        return sequence

    def applied(self, effects: Sequence[bytes], index: int) -> None:
        """Believe deltas that are on disk now, and tell."""
        self._pending = [each for each in self._pending if each.entry > index]
        for effect in effects:
            delta = decode_delta(effect)
            self._believe(delta)
            if delta.version > self._newest.version:
                self._newest.apply(delta)
            self._on_change(delta)

    def discard(self, index: int) -> None:
        """Forget what was decided for entries from `index` on."""
        self._pending = [each for each in self._pending if each.entry < index]
        self._newest = self._copy_of_applied()
        for each in self._pending:
            self._newest.apply(each.delta)

    def restored(self, view: View) -> None:
        """Begin from the rows on disk, and tell them all."""
        delta = read_state(view)
        self._rows = {key: value for key, value in delta.rows.items() if value is not None}
        # In place: others hold on to the view.
        self._applied.apply(delta)
        self._newest = self._copy_of_applied()
        self._pending = []
        if delta.version:
            self._on_change(delta)

    def full_delta(self) -> Delta:
        """Return all applied rows."""
        return Delta(self._applied.version, dict(self._rows), full=True)

    def _evaluated(self, decision: Decision, index: int, rests_on: int) -> Evaluation:
        if not decision.rows:
            decided = Decided(self._newest.version, decision.table)
            return Evaluation(b"", CatalogDecided(decided.encode()), rests_on)
        delta = Delta(next_version(self._newest), decision.rows)
        self._newest.apply(delta)
        self._pending.append(_Pending(index, delta))
        return Evaluation(encode_delta(delta), CatalogDecided(Decided(delta.version, decision.table).encode()))

    def _believe(self, delta: Delta) -> None:
        assert delta.version == self._applied.version + 1, (
            f"versions are dense: expected {self._applied.version + 1}, found {delta.version}"
        )
        self._applied.apply(delta)
        for key, value in delta.rows.items():
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value

    def _copy_of_applied(self) -> CatalogView:
        copy = CatalogView()
        copy.apply(self.full_delta())
        return copy


def write_delta(delta: Delta, transaction: Transaction) -> None:
    """Write a delta's rows and version where the catalog keeps them."""
    for key, value in delta.rows.items():
        stored = _ROW + key.encode("utf-8")
        if value is None:
            transaction.delete(Space.STATE, stored)
        else:
            transaction.put(Space.STATE, stored, sealed(value, stored))
    transaction.put(Space.STATE, _VERSION, sealed(str(delta.version).encode("ascii"), _VERSION))


def read_state(view: View) -> Delta:
    """Return all rows on disk as a full delta; version 0 before there are any. Raises DamagedRecord."""
    version = view.get(Space.STATE, _VERSION)
    # The value says whether its key may be believed.
    whole = [(_whole(stored, value), stored) for stored, value in view.scan(Space.STATE, _ROW, successor(_ROW))]
    rows: dict[str, bytes | None] = {stored[len(_ROW) :].decode("utf-8"): value for value, stored in whole}
    return Delta(0 if version is None else int(_whole(_VERSION, version)), rows, full=True)


def _whole(stored: bytes, value: bytes) -> bytes:
    whole = unsealed(value, stored)
    if whole is None:
        raise DamagedRecord(f"the catalog's row {stored[4:].decode('utf-8', 'replace')!r} does not match its checksum")
    return whole
