"""Environments of their own for programs that pin what the project pins otherwise: prepared once, from hashed requirements.

They stand beside the project's own environment, so that they go where it goes and no file of the repository changes.
"""

import fcntl
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

REQUIREMENTS: Final = Path(__file__).resolve().parent.parent / "requirements"
_FOLDER: Final = Path(sys.prefix) / "environments"
_UV: Final = Path(sys.prefix) / "bin" / "uv"


def prepared(name: str, report: Callable[[str], None]) -> Path:
    """Return the folder with the programs of an environment, made if it is not there or stale."""
    requirements, environment = REQUIREMENTS / f"{name}.txt", _FOLDER / name
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = environment / ".prepared"
    _FOLDER.mkdir(exist_ok=True)
    with (_FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            started = time.monotonic()
            report(f"preparing {environment} (once)")
            _uv("venv", "--clear", "--python", sys.executable, str(environment))
            _uv("pip", "install", "--python", str(environment), "--require-hashes", "-r", str(requirements))
            stamp.write_text(wanted)
            report(f"prepared {environment} in {time.monotonic() - started:.0f} s")
    return environment / "bin"


def _uv(*arguments: str) -> None:
    subprocess.run([str(_UV), *arguments, "--quiet"], check=True)
