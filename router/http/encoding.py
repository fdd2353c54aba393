"""Content codings of bodies, both ways, within bounds.

Knows gzip and deflate, and what of them AWS takes and gives; refuses to know what the bodies hold.
"""

import gzip
import re
import zlib
from collections.abc import Callable
from typing import Final

from wire.errors import ErrorCode, StoreError

# AWS takes 16 MiB; base64 and escapes are part of them. What is over is refused before it is read.
BODY_BYTES_MAX: Final = 16 << 20
# An answer up to this size is sent as it is, whatever a client takes.
PLAIN_BYTES_MAX: Final = 4096

# wbits: 31 reads one member of gzip, 15 zlib, which is what RFC 9110 calls deflate.
_GZIP_WBITS: Final = 31
_DEFLATE_WBITS: Final = 15
_MEMBERS_MAX: Final = 4096
_MEMBER_BEGINS: Final = b"\x1f\x8b\x08"
_MEMBER_HEAD_BYTES: Final = 10
_PIECE_BYTES: Final = 64 << 10

_QUALITY: Final = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_QUALITY_DEFAULT: Final = 1.0


def decoded(body: bytes, encoding: str | None) -> bytes:
    """Return `body` with its content coding taken off.

    Raises StoreError INTERNAL, as AWS does, for a coding that is not known, and for a body that is not in it or that grows too large.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    take_off = _DECODERS.get(name)
    if take_off is None:
        raise _cannot_be_decoded()
    try:
        return take_off(memoryview(body))
    except zlib.error:
        raise _cannot_be_decoded() from None


def _cannot_be_decoded() -> StoreError:
    return StoreError(ErrorCode.INTERNAL, "The request processing has failed because of an unknown error.")


def _gunzipped(body: memoryview) -> bytes:
    """Return what all members hold. What follows a member and is none is left alone, as Java's GZIPInputStream does."""
    plain, end = _inflated(body, _GZIP_WBITS, BODY_BYTES_MAX)
    members, room = [plain], BODY_BYTES_MAX - len(plain)
    while _begins_member(body[end:]):
        if len(members) == _MEMBERS_MAX:
            raise zlib.error(f"more than {_MEMBERS_MAX} members")
        plain, taken = _inflated(body[end:], _GZIP_WBITS, room)
        members.append(plain)
        room, end = room - len(plain), end + taken
    return b"".join(members)


def _begins_member(rest: memoryview) -> bool:
    return len(rest) >= _MEMBER_HEAD_BYTES and bytes(rest[: len(_MEMBER_BEGINS)]) == _MEMBER_BEGINS


def _undeflated(body: memoryview) -> bytes:
    plain, end = _inflated(body, _DEFLATE_WBITS, BODY_BYTES_MAX)
    if end != len(body):
        raise zlib.error("something follows the stream")
    return plain


def _inflated(body: memoryview, wbits: int, bytes_max: int) -> tuple[bytes, int]:
    """Return what the stream at the beginning of `body` holds, and how long it is. Raises zlib.error."""
    stream = zlib.decompressobj(wbits)
    pieces, room = [], bytes_max
    for begin in range(0, len(body), _PIECE_BYTES):  # in pieces, for what follows the stream is copied with the last
        piece = body[begin : begin + _PIECE_BYTES]
        pieces.append(stream.decompress(piece, room + 1))
        room -= len(pieces[-1])
        if room < 0:
            raise zlib.error(f"more than {bytes_max} bytes")
        if stream.eof:
            return b"".join(pieces), begin + len(piece) - len(stream.unused_data)
    raise zlib.error("the stream is cut off")


_DECODERS: Final[dict[str, Callable[[memoryview], bytes]]] = {
    "gzip": _gunzipped,
    "x-gzip": _gunzipped,
    "deflate": _undeflated,
}


def answer_coding(accept_encoding: str | None) -> str | None:
    """Return the coding in which a client that sent this Accept-Encoding gets a large answer, or None for none.

    RFC 9110, section 12.5.3, as AWS reads it: identity counts for nothing, and of equals what is named comes before what is not.
    """
    if accept_encoding is None:
        return None
    qualities: dict[str, float] = {}
    for entry in accept_encoding.lower().split(","):
        name, _, parameters = entry.partition(";")
        quality = _quality(parameters)
        if quality is not None:
            name = name.strip()
            qualities[name] = max(quality, qualities.get(name, 0.0))
    rest = qualities.get("*", 0.0)
    offered = [name for name in qualities if name in _CODERS] + [name for name in _CODERS if name not in qualities]
    best = max(offered, key=lambda name: qualities.get(name, rest))  # the first of equals
    return best if qualities.get(best, rest) > 0.0 else None


def _quality(parameters: str) -> float | None:
    """Return what the first parameter of an entry says, at most 1; None for an entry whose first parameter is no quality."""
    first = parameters.partition(";")[0]
    name, _, text = first.partition("=")
    if name.strip() not in {"", "q"}:
        return None
    if name.strip() != name.lstrip() or not _QUALITY.fullmatch(text.strip()):
        return _QUALITY_DEFAULT  # AWS reads no quality from `q =0` either
    return min(max(float(text), 0.0), _QUALITY_DEFAULT)


def encoded(body: bytes, coding: str) -> bytes:
    """Return `body` in one of the codings that `answer_coding` returns, made quickly rather than small."""
    return _CODERS[coding](body)


def _gzipped(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0)


def _deflated(body: bytes) -> bytes:
    return zlib.compress(body, level=1)


# In the order of AWS's preference.
_CODERS: Final[dict[str, Callable[[bytes], bytes]]] = {"gzip": _gzipped, "deflate": _deflated}
