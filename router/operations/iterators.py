"""Shard iterators: opaque to clients, signed so that none but a router's own is read, and good for fifteen minutes.

Knows where an iterator stands; refuses to know what is read from there. Every router of a cluster derives the same key, so
an iterator from one may be read with another.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Final

import msgspec

from wire.clock import Clock
from wire.errors import ErrorCode, StoreError, validation_error
from wire.limits import ITERATOR_LIFETIME_SECONDS

_SIGNATURE_BYTES: Final = 16


class ShardPosition(msgspec.Struct, frozen=True, array_like=True):
    """A place in a shard: after the record `after`.

    `from_horizon` is set while it may be that records before the place were trimmed and that is no loss. Records older
    than `since_ms` are passed over.
    """

    stream_arn: str
    shard: str
    after: int
    from_horizon: bool = False
    since_ms: int = 0


class _Issued(msgspec.Struct, frozen=True, array_like=True):
    time_ms: int
    position: ShardPosition


class ShardIterators:
    """Issue iterators and read them back."""

    def __init__(self, cluster_id: str, clock: Clock) -> None:
        self._key = hashlib.blake2b(cluster_id.encode(), person=b"shard iterators").digest()
        self._clock = clock

    def issued(self, position: ShardPosition) -> str:
        """Return an iterator that stands at `position`."""
        payload = msgspec.msgpack.encode(_Issued(self._clock.wall_ms(), position))
        return urlsafe_b64encode(self._signature(payload) + payload).decode()

    def position(self, iterator: str) -> ShardPosition:
        """Return where an iterator stands.

        Raises StoreError VALIDATION for one that was never issued, EXPIRED_ITERATOR for one past its life.
        """
        issued = self._opened(iterator)
        now_ms = self._clock.wall_ms()
        if now_ms - issued.time_ms > ITERATOR_LIFETIME_SECONDS * 1000:
            raise _expired(issued.time_ms, now_ms)
        return issued.position

    def _opened(self, iterator: str) -> _Issued:
        try:
            raw = urlsafe_b64decode(iterator)
            signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if hmac.compare_digest(signature, self._signature(payload)):
                return msgspec.msgpack.decode(payload, type=_Issued)
        except ValueError:  # not base 64, or not ours inside
            pass
        raise validation_error("Invalid ShardIterator")

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE_BYTES]


def _expired(issued_ms: int, now_ms: int) -> StoreError:
    return StoreError(
        ErrorCode.EXPIRED_ITERATOR,
        f"Iterator expired. The iterator was created at time {_time_text(issued_ms)} while right now it is "
        f"{_time_text(now_ms)} which is further in the future than the tolerated delay of "
        f"{ITERATOR_LIFETIME_SECONDS * 1000} milliseconds.",
    )


def _time_text(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
