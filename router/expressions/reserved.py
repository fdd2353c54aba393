"""The 573 words AWS reserves: as an attribute's name they must stand behind a `#` placeholder."""

from importlib.resources import files

RESERVED_WORDS = frozenset((files(__package__) / "reserved_words.txt").read_text("ascii").split())


def is_reserved(name: str) -> bool:
    """Say whether a name is reserved, in whatever case it is written."""
    return name.upper() in RESERVED_WORDS
