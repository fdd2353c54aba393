"""Request ids as AWS makes them: 52 characters of base 32."""

import random
from typing import Final

_ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUV"
_TO_ALPHABET: Final = _ALPHABET * 8

REQUEST_ID_CHARACTERS: Final = 52


def new_request_id(source: random.Random) -> str:
    """Return a new request id; unique for as long as anybody will look for one in a log."""
    return source.randbytes(REQUEST_ID_CHARACTERS).translate(_TO_ALPHABET).decode("ascii")
