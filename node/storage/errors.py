"""What can go wrong in storage, each with a message that names what was found and what to do."""


class StorageError(Exception):
    """Stand for every operating failure of this room."""


class StorageFull(StorageError):
    """Say that a transaction found no space: it had no effect, reads go on, and it may be tried again."""


class StorageFailing(StorageError):
    """Say that the disk answered a write or an fsync with an error: what was under way must not be tried again."""


class StorageLocked(StorageError):
    """Say that another process uses the data directory."""


class IdentityMismatch(StorageError):
    """Say that a data directory belongs to another node, region or cluster."""


class DamagedStorage(StorageError):
    """Say that the engine's own files cannot be used."""


class DamagedRecord(StorageError):
    """Say that stored bytes do not carry the checksum they were written with."""


class SnapshotLost(StorageError):
    """Say that a read view was taken away because it stood in the way too long; open a new one."""


class StorageOverloaded(StorageError):
    """Say that the writer's queue is full; nothing was queued."""


class StorageStopped(StorageError):
    """Say that the writer no longer takes batches: it was stopped, or it failed for good."""
