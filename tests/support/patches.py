"""Applies unified diffs: what a hunk wants to replace must be in the file exactly once, wherever; nothing is guessed."""

import re
from collections.abc import Callable, Iterator

DIFF_BEGINS = "--- a/"


class PatchError(AssertionError):
    """The patch does not fit the file."""


def header_fields(text: str) -> dict[str, str]:
    """Return the `Name: value` lines before the diff."""
    header, _, _ = text.partition(f"\n{DIFF_BEGINS}")
    return dict(line.split(": ", 1) for line in header.splitlines() if ": " in line)


def applied_patch(text: str, read: Callable[[str], str]) -> dict[str, str]:
    """Return the new content of each file that the diff changes."""
    sections = re.split(rf"^{DIFF_BEGINS}", text, flags=re.MULTILINE)[1:]
    return dict(_applied_section(section, read) for section in sections)


def _applied_section(section: str, read: Callable[[str], str]) -> tuple[str, str]:
    name, _, *lines = section.splitlines()
    content = read(name)
    for hunk in _hunks(lines):
        old = "".join(f"{line[1:]}\n" for line in hunk if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in hunk if line[:1] != "-")
        if content.count(old) != 1:
            raise PatchError(f"{name}: expected these lines once, found them {content.count(old)} times:\n{old}")
        content = content.replace(old, new)
    return name, content


def _hunks(lines: list[str]) -> Iterator[list[str]]:
    starts = [number for number, line in enumerate(lines) if line.startswith("@@ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start + 1 : end]
