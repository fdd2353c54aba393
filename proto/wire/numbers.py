"""DynamoDB numbers: text in, canonical text out, bytes that sort like the values.

The room knows the type N: up to 38 significant digits, magnitudes from 1E-130 to just under 1E+126, and AWS's
texts for what does not fit. It refuses to know where a number stands. Canonical text is plain notation
without exponent, leading zeros or trailing zeros of a fraction, so equal numbers are equal texts.
"""

import re
from binascii import hexlify, unhexlify
from decimal import Context, Decimal, Inexact

DIGITS_MAX = 38
WRITTEN_CHARACTERS_MAX = 64 << 10  # a longer text is of no number that fits, but for zeros that say nothing
EXPONENT_MAX = 125
EXPONENT_MIN = -130
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
_EXPONENT_WORD_MAX = 2**63 - 1
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
_SHORT_WORD_MAX = 2**31 - 1

# Inside this module a number is (sign, significant digits without outer zeros, decimal exponent of the first digit).
_TEXT = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,37}", re.ASCII)

# Wide enough for the exact sum of the largest and the smallest number: 126 digits before the point, 167 after it.
_EXACT = Context(prec=300, traps=[Inexact])

_ZERO = b"\x80"
_POSITIVE = 0x81
_NEGATIVE = 0x7F
_EXPONENT_BIAS = 130
_DIGITS = b"0123456789"
# One digit is one nibble, 1 to 10, and nibble 0 ends the number: it sorts before every further digit.
# Negative numbers are complemented, so that the larger magnitude sorts first.
_PACK_POSITIVE = bytes.maketrans(_DIGITS, b"123456789a")
_PACK_NEGATIVE = bytes.maketrans(_DIGITS, b"edcba98765")
_UNPACK_POSITIVE = bytes.maketrans(b"123456789a", _DIGITS)
_UNPACK_NEGATIVE = bytes.maketrans(b"edcba98765", _DIGITS)


class NumberError(ValueError):
    """Say, in AWS's words, why a text is not a number that DynamoDB stores."""


class ExponentWrappedError(NumberError):
    """A number far too large whose exponent is the largest word of 32 bits, which AWS took for a small one."""


class _TooManyDigitsError(NumberError):
    """A number in the range, with more digits than are kept."""


def canonical_number(text: str) -> str:
    """Return the canonical text of a number in any notation that DynamoDB accepts, or raise NumberError."""
    if _PLAIN_INTEGER.fullmatch(text):
        return text
    if len(text) > WRITTEN_CHARACTERS_MAX:
        raise NumberError(OVERFLOW)
    return _plain(*_parse(text))


def encode_number(canonical: str) -> bytes:
    """Return bytes that sort like the number; at most 22, none of them the beginning of another's."""
    sign, digits, exponent = _parts(canonical)
    if not digits:
        return _ZERO
    raw = digits.encode("ascii")
    if sign:
        packed = raw.translate(_PACK_NEGATIVE) + (b"f" if len(raw) & 1 else b"ff")
        return bytes((_NEGATIVE, 0xFF - (exponent + _EXPONENT_BIAS))) + unhexlify(packed)
    packed = raw.translate(_PACK_POSITIVE) + (b"0" if len(raw) & 1 else b"00")
    return bytes((_POSITIVE, exponent + _EXPONENT_BIAS)) + unhexlify(packed)


def decode_number(encoded: bytes) -> str:
    """Return the canonical text that `encode_number` turned into these bytes; ValueError for any others."""
    if encoded == _ZERO:
        return "0"
    if len(encoded) < 3 or encoded[0] not in (_POSITIVE, _NEGATIVE):
        raise ValueError(f"not an encoded number: {encoded.hex()}")
    nibbles = hexlify(encoded[2:])
    if encoded[0] == _POSITIVE:
        return _plain("", _unpacked(nibbles.rstrip(b"0"), _UNPACK_POSITIVE), encoded[1] - _EXPONENT_BIAS)
    return _plain("-", _unpacked(nibbles.rstrip(b"f"), _UNPACK_NEGATIVE), 0xFF - encoded[1] - _EXPONENT_BIAS)


def add_numbers(left: str, right: str) -> str:
    """Return the exact canonical sum of two canonical numbers, or raise NumberError when it does not fit."""
    return _fitting(_EXACT.add(Decimal(left), Decimal(right)))


def subtract_numbers(left: str, right: str) -> str:
    """Return the exact canonical difference of two canonical numbers, or raise NumberError when it does not fit."""
    return _fitting(_EXACT.subtract(Decimal(left), Decimal(right)))


def _fitting(result: Decimal) -> str:
    """Return the canonical text of what was calculated; AWS calls too many digits in a result an overflow as well."""
    try:
        return canonical_number(format(result, "f"))
    except _TooManyDigitsError:
        raise NumberError(OVERFLOW) from None


def _parse(text: str) -> tuple[str, str, int]:
    """Return sign, significant digits and exponent of a text in free notation, checked against the limits."""
    if not text:
        raise NumberError(NOT_NUMERIC)
    matched = _TEXT.fullmatch(text)
    if matched is None or not (matched[2] or matched[3]):
        raise NumberError(f"{NOT_NUMERIC}: {text}")
    whole = matched[2]
    written = (whole + (matched[3] or "")).lstrip("0")
    leading_zeros = len(whole) + len(matched[3] or "") - len(written)
    digits = written.rstrip("0")
    shift = _written_exponent(text, matched[4])
    if not digits:
        if shift:  # like AWS, refuse a zero by the exponent it is written with
            _check_limits("", shift - len(matched[3] or ""))
        return "", "", 0
    exponent = len(whole) - leading_zeros - 1 + shift
    _check_limits(digits, exponent)
    return "-" if matched[1] == "-" else "", digits, exponent


def _written_exponent(text: str, exponent: str | None) -> int:
    """Return the exponent of a text, which AWS reads as a machine word of 64 bits."""
    if exponent is None:
        return 0
    digits = exponent.lstrip("+-").lstrip("0") or "0"
    if len(digits) > len(str(_EXPONENT_WORD_MAX)) or int(digits) > _EXPONENT_WORD_MAX:
        raise NumberError(f"{NOT_NUMERIC}: {text}")
    return -int(digits) if exponent[0] == "-" else int(digits)


def _check_limits(digits: str, exponent: int) -> None:
    if exponent > EXPONENT_MAX:
        raise (ExponentWrappedError if exponent == _SHORT_WORD_MAX else NumberError)(OVERFLOW)
    if exponent < EXPONENT_MIN:
        raise NumberError(UNDERFLOW)
    if len(digits) > DIGITS_MAX:
        raise _TooManyDigitsError("Attempting to store more than 38 significant digits in a Number")


def _unpacked(nibbles: bytes, table: bytes) -> str:
    digits = nibbles.translate(table)
    if not digits.isdigit():
        raise ValueError(f"not the digits of an encoded number: {nibbles.decode('ascii')}")
    return digits.decode("ascii")


def _parts(canonical: str) -> tuple[str, str, int]:
    """Take canonical text apart; the inverse of `_plain`."""
    if _PLAIN_INTEGER.fullmatch(canonical):
        if canonical == "0":
            return "", "", 0
        sign = "-" if canonical[0] == "-" else ""
        whole = canonical[1:] if sign else canonical
        return sign, whole.rstrip("0"), len(whole) - 1
    return _parse(canonical)


def _plain(sign: str, digits: str, exponent: int) -> str:
    """Put the point where it belongs; no exponent, no needless zeros."""
    if not digits:
        return "0"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    if len(digits) <= exponent + 1:
        return f"{sign}{digits}{'0' * (exponent + 1 - len(digits))}"
    return f"{sign}{digits[: exponent + 1]}.{digits[exponent + 1 :]}"
