"""DynamoDB numbers: canonical text, limits with AWS's texts, exact sums."""

import pytest

from wire.numbers import (
    NumberError,
    add_numbers,
    canonical_number,
    decode_number,
    encode_number,
    subtract_numbers,
)

NINES = "9" * 38
LARGEST = NINES + "0" * 88
SMALLEST = "0." + "0" * 129 + "1"


# Clients write numbers in many ways; what AWS sends back is always the plain one.
@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("+0.00", "0"),
        ("0E125", "0"),
        ("0.0E126", "0"),
        ("0E-130", "0"),
        ("0." + "0" * 200, "0"),
        ("00012", "12"),
        ("+7", "7"),
        ("1.50", "1.5"),
        ("-1.0", "-1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1E3", "1000"),
        ("1e+3", "1000"),
        ("12.5e-3", "0.0125"),
        ("100e-2", "1"),
        ("0.001E3", "1"),
        ("-1E-5", "-0.00001"),
        ("1E0000000000000000000002", "100"),
        (NINES, NINES),
        ("-" + NINES, "-" + NINES),
        ("0." + NINES, "0." + NINES),
        ("9." + "9" * 37 + "E125", LARGEST),
        ("1E-130", SMALLEST),
        ("-1E-130", "-" + SMALLEST),
        ("1" + "0" * 100, "1" + "0" * 100),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert canonical_number(text) == canonical
    assert canonical_number(canonical) == canonical
    assert decode_number(encode_number(canonical)) == canonical


# Users search for these sentences.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The parameter cannot be converted to a numeric value"),
        ("abc", "The parameter cannot be converted to a numeric value: abc"),
        (" 1", "The parameter cannot be converted to a numeric value:  1"),
        ("1\n", "The parameter cannot be converted to a numeric value: 1\n"),
        ("1_000", "The parameter cannot be converted to a numeric value: 1_000"),
        ("٣", "The parameter cannot be converted to a numeric value: ٣"),
        ("²", "The parameter cannot be converted to a numeric value: ²"),
        ("NaN", "The parameter cannot be converted to a numeric value: NaN"),
        ("Infinity", "The parameter cannot be converted to a numeric value: Infinity"),
        ("0x10", "The parameter cannot be converted to a numeric value: 0x10"),
        (".", "The parameter cannot be converted to a numeric value: ."),
        ("e5", "The parameter cannot be converted to a numeric value: e5"),
        ("1e", "The parameter cannot be converted to a numeric value: 1e"),
        ("--1", "The parameter cannot be converted to a numeric value: --1"),
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("1." + "0" * 37 + "1", "Attempting to store more than 38 significant digits in a Number"),
        ("1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ("-1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        # The exponent is read as 64 bits, before anything is said about the range; a zero has one, too.
        (
            "1E9223372036854775807",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("1E9223372036854775808", "The parameter cannot be converted to a numeric value: 1E9223372036854775808"),
        ("1E" + "9" * 5_000, "The parameter cannot be converted to a numeric value: 1E" + "9" * 5_000),
        ("0E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        ("0E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        ("-1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        (
            "1E-9223372036854775807",
            "Number underflow. Attempting to store a number with magnitude smaller than supported range",
        ),
        ("1E-" + "9" * 5_000, "The parameter cannot be converted to a numeric value: 1E-" + "9" * 5_000),
    ],
)
def test_refusals_are_in_the_words_of_aws(text: str, message: str) -> None:
    with pytest.raises(NumberError) as raised:
        canonical_number(text)
    assert str(raised.value) == message


# Counters and balances are added up in the store: no binary fractions, no rounding.
@pytest.mark.parametrize(
    ("left", "right", "total", "difference"),
    [
        ("1", "2", "3", "-1"),
        ("0.1", "0.2", "0.3", "-0.1"),
        ("5", "-5", "0", "10"),
        ("0", "0", "0", "0"),
        (NINES, "1", "1" + "0" * 38, NINES[:-1] + "8"),
        ("-1.5", "0.5", "-1", "-2"),
        ("1E0", "10E-1", "2", "0"),
    ],
)
def test_sums_are_exact(left: str, right: str, total: str, difference: str) -> None:
    assert add_numbers(canonical_number(left), canonical_number(right)) == total
    assert subtract_numbers(canonical_number(left), canonical_number(right)) == difference


# A result that needs more than 38 digits is refused, never rounded behind the user's back; AWS calls it an overflow.
@pytest.mark.parametrize(("left", "right"), [(NINES, "0.1"), (LARGEST, SMALLEST), ("1" + "0" * 38, "1")])
def test_sums_that_do_not_fit_are_refused(left: str, right: str) -> None:
    with pytest.raises(NumberError, match="Number overflow"):
        add_numbers(left, right)
    with pytest.raises(NumberError, match="Number overflow"):
        subtract_numbers(left, "-" + right)


# Adding past the end of the range overflows like storing such a number.
def test_sum_beyond_the_range_overflows() -> None:
    with pytest.raises(NumberError, match="Number overflow"):
        add_numbers(LARGEST, LARGEST)


# Damaged keys must not decode into plausible numbers.
@pytest.mark.parametrize("encoded", [b"", b"\x80\x00", b"\x00\x00\x00", b"\x81\x82", b"\x81\x82\x00", b"\x81\x82\xc0"])
def test_bytes_that_are_no_number_are_refused(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="encoded number"):
        decode_number(encoded)
