"""Applies unified diffs strictly: every line of context must be where the diff says, and nothing is guessed."""

import re
from collections.abc import Callable, Iterator

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
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
    lines = section.splitlines()
    name = lines[0]
    old = read(name).splitlines()
    new: list[str] = []
    position = 0
    for start, hunk in _hunks(lines[2:]):
        new += old[position:start]
        position = start
        for line in hunk:
            sign, content = line[:1], line[1:]
            if sign != "+":
                if position >= len(old) or old[position] != content:
                    found = old[position] if position < len(old) else "the end"
                    raise PatchError(f"{name}:{position + 1}: expected {content!r}, found {found!r}")
                position += 1
            if sign != "-":
                new.append(content)
    return name, "\n".join(new + old[position:]) + "\n"


def _hunks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    starts = [number for number, line in enumerate(lines) if _HUNK.match(line)]
    for number, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        match = _HUNK.match(lines[number])
        assert match is not None
        yield int(match[1]) - 1, lines[number + 1 : end]
