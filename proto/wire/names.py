"""Names of attributes: what a name may be, and AWS's words for what it may not, wherever a request has one.

The room refuses to know what a name stands for, and which names are reserved in expressions.
"""

from collections.abc import Iterable

from wire.errors import validation_error
from wire.limits import NAME_BYTES_MAX

NAMELESS = "Empty attribute name"
_TOO_LARGE = f"Attribute name is too large, must be less than {NAME_BYTES_MAX + 1} bytes"


def name_fault(name: str) -> str | None:
    """Return what is wrong with a name, or None."""
    if not name:
        return NAMELESS
    # A character has four bytes at most: nearly every name is known to be short enough without encoding it.
    return _TOO_LARGE if len(name) > NAME_BYTES_MAX // 4 and len(name.encode()) > NAME_BYTES_MAX else None


def require_names(names: Iterable[str]) -> None:
    """Refuse names of which one is empty or too long."""
    for name in names:
        fault = name_fault(name)
        if fault is not None:
            raise validation_error(fault)
