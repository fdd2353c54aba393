"""Dates in HTTP fields: those of signatures, in ISO 8601's basic form, and those of answers, in RFC 9110's.

All in UTC. Reads no clock.
"""

import re
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from typing import Final

from wire.errors import ErrorCode, StoreError

_BASIC: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")


def normalized(date: str) -> str:
    """Return `date` in the basic form; a Date field may also have the form of RFC 9110.

    Raises StoreError INCOMPLETE_SIGNATURE for anything else.
    """
    if _BASIC.fullmatch(date):
        return date
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except ValueError:
        raise _malformed(date) from None


def parsed_ms(date: str) -> int:
    """Return the milliseconds since 1970 that `date`, in the basic form, stands for.

    Raises StoreError INCOMPLETE_SIGNATURE when it is not in that form, or no such moment exists.
    """
    if not _BASIC.fullmatch(date):
        raise _malformed(date)
    try:
        moment = datetime(
            int(date[0:4]),
            int(date[4:6]),
            int(date[6:8]),
            int(date[9:11]),
            int(date[11:13]),
            int(date[13:15]),
            tzinfo=UTC,
        )
    except ValueError:
        raise _malformed(date) from None
    return int(moment.timestamp()) * 1000


def basic_text(moment_ms: int) -> str:
    """Return the basic form of `moment_ms`, milliseconds since 1970."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")


class HttpDates:
    """Make the Date field of answers, once a second; SDKs correct their clocks by it."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, moment: float) -> str:
        """Return `moment`, in seconds since 1970, in the form of RFC 9110."""
        second = int(moment)
        if second != self._second:
            self._second, self._text = second, formatdate(second, usegmt=True)
        return self._text


def _malformed(date: str) -> StoreError:
    message = f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    return StoreError(ErrorCode.INCOMPLETE_SIGNATURE, message)
