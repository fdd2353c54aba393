"""Shard iterators: opaque to clients, signed so that none but a router's own is read, and good for fifteen minutes.

As AWS's they begin with the stream's ARN and a number. Knows where an iterator stands; refuses to know what is read from there. Every
router of a cluster derives the same key, so an iterator from one may be read with another.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import Final

import msgspec

from wire.clock import Clock
from wire.errors import ErrorCode, StoreError, validation_error
from wire.limits import ITERATOR_LIFETIME_SECONDS

_SIGNATURE_BYTES: Final = 16
_MARK: Final = "1"


class ShardPosition(msgspec.Struct, frozen=True):
    """A place in a shard: after the record `after`.

    `from_horizon` is set while it may be that records before the place were trimmed and that is no loss.
    """

    stream_arn: str
    shard: str
    after: int
    from_horizon: bool = False


class _Issued(msgspec.Struct, frozen=True, array_like=True):
    time_ms: int
    shard: str
    after: int
    from_horizon: bool


class ShardIterators:
    """Issue iterators and read them back."""

    def __init__(self, cluster_id: str, clock: Clock) -> None:
        self._key = hashlib.blake2b(cluster_id.encode(), person=b"shard iterators").digest()
        self._clock = clock

    def issued(self, position: ShardPosition) -> str:
        """Return an iterator that stands at `position`."""
        arn = position.stream_arn
        issued = _Issued(self._clock.wall_ms(), position.shard, position.after, position.from_horizon)
        payload = msgspec.msgpack.encode(issued)
        return f"{arn}|{_MARK}|{b64encode(self._signature(arn, payload) + payload).decode()}"

    def position(self, iterator: str) -> ShardPosition:
        """Return where an iterator stands.

        Raises StoreError VALIDATION for one that was never issued, EXPIRED_ITERATOR for one past its life.
        """
        arn, issued = self._opened(iterator)
        if self._clock.wall_ms() - issued.time_ms > ITERATOR_LIFETIME_SECONDS * 1000:
            raise StoreError(ErrorCode.EXPIRED_ITERATOR, "The provided iterator exceeds the maximum age allowed.")
        return ShardPosition(arn, issued.shard, issued.after, issued.from_horizon)

    def _opened(self, iterator: str) -> tuple[str, _Issued]:
        arn, _, encoded = iterator.rpartition(f"|{_MARK}|")
        try:
            raw = b64decode(encoded, validate=True)
            signature, payload = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
            if hmac.compare_digest(signature, self._signature(arn, payload)):
                return arn, msgspec.msgpack.decode(payload, type=_Issued)
        except ValueError:  # not base 64, or not ours inside
            pass
        raise validation_error("Invalid ShardIterator")

    def _signature(self, arn: str, payload: bytes) -> bytes:
        return hmac.digest(self._key, arn.encode("utf-8", "surrogatepass") + b"\x00" + payload, "sha256")[
            :_SIGNATURE_BYTES
        ]
