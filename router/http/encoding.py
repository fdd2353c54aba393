"""Compression of bodies, both ways, within bounds.

Knows gzip and deflate; refuses to know what the bodies hold.
"""

import gzip
import zlib
from typing import Final

from wire.errors import ErrorCode, StoreError

# AWS takes 16 MB of JSON; base64 and escapes are part of them. What is over is refused before it is read.
BODY_BYTES_MAX: Final = (16 << 20) + (1 << 20)
# Below this, the head of a gzip stream and the time are not worth it.
GZIP_BODY_BYTES_MIN: Final = 1024

# wbits: 31 reads gzip, 15 zlib ("deflate" as RFC 9110 has it), -15 the bare stream that some clients call deflate.
_WBITS: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}


class BodyTooLargeError(Exception):
    """The body of a request is larger than is taken."""


def decoded(body: bytes, encoding: str | None) -> bytes:
    """Return `body` with its content encoding taken off.

    Raises StoreError SERIALIZATION for a damaged or unknown encoding, BodyTooLargeError for one that grows too large.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    for wbits in _WBITS.get(name, ()):
        try:
            return _inflated(body, wbits)
        except zlib.error:
            continue
    raise StoreError(ErrorCode.SERIALIZATION, "")


def _inflated(body: bytes, wbits: int) -> bytes:
    stream = zlib.decompressobj(wbits)
    plain = stream.decompress(body, BODY_BYTES_MAX)
    if stream.unconsumed_tail:
        raise BodyTooLargeError
    if not stream.eof or stream.unused_data:
        raise zlib.error("the stream is cut off, or something follows it")
    return plain


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Return whether a client that sent this Accept-Encoding takes gzip."""
    if accept_encoding is None or "gzip" not in accept_encoding:
        return False
    for choice in accept_encoding.split(","):
        name, _, parameters = choice.partition(";")
        if name.strip().lower() == "gzip":
            return parameters.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def compressed(body: bytes) -> bytes:
    """Return `body` as a gzip stream, made quickly rather than small."""
    return gzip.compress(body, compresslevel=1, mtime=0)
