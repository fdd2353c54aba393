"""The dates that stand in signatures: ISO 8601 in its basic form, in UTC.

Knows the two forms a signed date may have on the wire; reads no clock.
"""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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


def _malformed(date: str) -> StoreError:
    message = f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    return StoreError(ErrorCode.INCOMPLETE_SIGNATURE, message)
