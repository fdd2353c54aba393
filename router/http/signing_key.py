"""The keys of Signature Version 4: derived from a secret for one day, region and service.

Pure arithmetic. Source: "Create a signed AWS API request", step 4, in the IAM user guide.
"""

import hashlib
import hmac
from typing import Final

TERMINATOR: Final = "aws4_request"


class SigningKey:
    """HMAC-SHA256 of one key with both pads hashed ahead (RFC 2104, section 4): less than half the work per request."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def signature(self, text: bytes) -> str:
        """Return the code of `text` in hex."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.hexdigest()


def derived_key(secret: str, day: str, region: str, service: str) -> SigningKey:
    """Return the key with which the owner of `secret` signs for `service` in `region` on `day` (YYYYMMDD)."""
    key = ("AWS4" + secret).encode()
    for piece in (day, region, service, TERMINATOR):
        key = hmac.digest(key, piece.encode("utf-8", "surrogateescape"), "sha256")
    return SigningKey(key)
