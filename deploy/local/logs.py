"""The logs of local processes: files that only grow, read from their ends and followed by looking again."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

FOLLOW_SECONDS: Final = 0.2


def read_logs(paths: Mapping[str, Path], lines: int, *, follow: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the last `lines` of each file, and with `follow` what is appended from then on; a file need not exist yet."""
    offsets = {}
    for name, path in paths.items():
        text = path.read_bytes() if path.exists() else b""
        offsets[name] = len(text)
        yield from ((name, line) for line in (text.splitlines()[-lines:] if lines else []))
    while follow:
        time.sleep(FOLLOW_SECONDS)
        for name, path in paths.items():
            fresh = _appended(path, offsets[name])
            offsets[name] += len(fresh)
            yield from ((name, line) for line in fresh.splitlines())


def _appended(path: Path, offset: int) -> bytes:
    """Return the complete lines behind an offset."""
    if not path.exists():
        return b""
    with path.open("rb") as log:
        log.seek(offset)
        text = log.read()
    return text[: text.rfind(b"\n") + 1]
