"""Answers put together from bytes: what is JSON already is never decoded to be encoded again.

Refuses to know operations.
"""

from typing import Any

import orjson

EMPTY = b"{}"
NOTHING = b""
"""What an operation sends that has nothing to say: a body without a byte."""


def encoded(answer: dict[str, Any]) -> bytes:
    """Return an answer of the control plane as JSON."""
    return orjson.dumps(answer)


def joined(**members: bytes) -> bytes:
    """Return the JSON object of the members that are not empty, in the order given."""
    parts = [b'"%b":%b' % (name.encode(), value) for name, value in members.items() if value]
    return b"{%b}" % b",".join(parts)


def array(values: tuple[bytes, ...] | list[bytes]) -> bytes:
    """Return a JSON array of values that are JSON already."""
    return b"[%b]" % b",".join(values)
