"""What a disk knows of itself: whose it is, its own name, how often it was started, and who founded its region.

The rows are inside the database, so they are bound to the data: a file that is put where it does not belong, or an older copy
of one, can be told from what it claims to be. A disk's name is drawn when its database is made. Every start of the node
begins a new life, numbered and with a mark drawn at random: two copies of one disk that were both started since they were
copied have different marks for the same number.

Knows the rows of one node. Refuses to know what other nodes make of them.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from node.storage.batch import WriteBatch
from node.storage.directory import Identity
from node.storage.engine import Engine, Space, Transaction, View
from node.storage.errors import DamagedRecord
from node.storage.lives import Life
from node.storage.sealed import sealed, unsealed

LIVES_KEPT: Final = 1_000
"""Lives whose marks are kept: a peer that was away for more of them cannot tell an older copy any more."""

_IDENTITY: Final = b"identity"
_LIVES: Final = b"lives"
_FOUNDING: Final = b"founding"
_PEER: Final = b"peer/"
_PEERS_END: Final = b"peer0"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskName:
    """Whose disk this is, and which."""

    identity: Identity
    disk: str
    lost: str = ""
    """Why this disk takes the place of another one, so that it never founds anything; empty for one that may."""


def disk_name(view: View) -> DiskName | None:
    """Return what a disk is called, or None before it was. Raises DamagedRecord."""
    fields = _read(view, _IDENTITY)
    if fields is None:
        return None
    identity = Identity(cluster=fields["cluster"], region=fields["region"], node=fields["node"])
    return DiskName(identity=identity, disk=fields["disk"], lost=fields["lost"])


def name_disk(transaction: Transaction, identity: Identity, lost: str = "") -> None:
    """Give a disk a name that no other one has, and no lives so far."""
    row = {**asdict(identity), "disk": secrets.token_hex(8), "lost": lost}
    transaction.put(Space.NODE, _IDENTITY, _row(_IDENTITY, row))
    transaction.delete(Space.NODE, _LIVES)


def found_alone(transaction: Transaction, identity: Identity) -> None:
    """Take a disk with data and without a name, as versions before this one left it, for one of its region's founders."""
    name = disk_name(transaction)
    assert name is not None, "it was named before"
    transaction.put(Space.NODE, _FOUNDING, _row(_FOUNDING, {identity.node: name.disk}))


class Disk:
    """The rows of this node's disk. Reading is from memory; what goes into a batch counts once that is durable."""

    def __init__(self, engine: Engine, identity: Identity) -> None:
        """Read the rows, and name a disk that has no name. Raises DamagedRecord."""
        with engine.snapshot() as view:
            name = disk_name(view)
        if name is None:
            engine.write(lambda transaction: name_disk(transaction, identity))
        self._identity = identity
        self._condemned = ""
        with engine.snapshot() as view:
            self._load(view)
        self._engine = engine

    def _load(self, view: View) -> None:
        name = disk_name(view)
        assert name is not None, "it was named before"
        self.name = name
        self.lives = tuple(Life(*each) for each in _read(view, _LIVES) or ())
        founding = _read(view, _FOUNDING)
        self.founding: Mapping[str, str] | None = founding
        # The row says whether its key may be believed.
        peers = [(_opened(key, row), key) for key, row in view.scan(Space.NODE, _PEER, _PEERS_END)]
        self.peers: dict[str, Any] = {key.removeprefix(_PEER).decode(): fields for fields, key in peers}

    @property
    def disk(self) -> str:
        """Return the disk's name."""
        return self.name.disk

    @property
    def life(self) -> int:
        """Return the number of the present life; 0 before the first."""
        return self.lives[-1].number if self.lives else 0

    @property
    def is_lost(self) -> bool:
        """Tell whether the node's first disk is gone: this one was not there when the region was founded."""
        if self.name.lost:
            return True
        return self.founding is not None and self.founding.get(self._identity.node) != self.disk

    def condemn(self, reason: str) -> None:
        """Let the next life begin under a new name: this disk is an older copy of what it claims to be."""
        self._condemned = reason

    def begin_to(self, batch: WriteBatch) -> None:
        """Begin the next life in a batch, under a new name if the disk is condemned."""
        if self._condemned:
            self._rename_to(batch, self._condemned)
            self._condemned = ""
            return
        lives = (*self.lives, Life(self.life + 1, secrets.token_hex(4)))[-LIVES_KEPT:]
        batch.put(Space.NODE, _LIVES, _row(_LIVES, lives))
        batch.after_commit(self._reload)

    def _rename_to(self, batch: WriteBatch, reason: str) -> None:
        lives = (Life(1, secrets.token_hex(4)),)
        batch.call(lambda transaction: name_disk(transaction, self._identity, reason))
        batch.put(Space.NODE, _LIVES, _row(_LIVES, lives))
        batch.after_commit(self._reload)

    def found_to(self, batch: WriteBatch, founding: Mapping[Any, str]) -> None:
        """Write who founded the region, by the names of their disks."""
        batch.put(Space.NODE, _FOUNDING, _row(_FOUNDING, dict(founding)))
        batch.after_commit(self._reload)

    def know_to(self, batch: WriteBatch, node: str, fields: object) -> None:
        """Write what is known of another node, in place of what was."""
        key = _PEER + node.encode()
        batch.put(Space.NODE, key, _row(key, fields))
        batch.after_commit(self._reload)

    def _reload(self) -> None:
        with self._engine.snapshot() as view:
            self._load(view)


def _row(key: bytes, value: object) -> bytes:
    return sealed(json.dumps(value).encode(), key)


def _read(view: View, key: bytes) -> Any:
    stored = view.get(Space.NODE, key)
    return None if stored is None else _opened(key, stored)


def _opened(key: bytes, stored: bytes) -> Any:
    value = unsealed(stored, key)
    if value is None:
        raise DamagedRecord(f"node row {key!r}: its checksum does not match its bytes")
    return json.loads(value)
