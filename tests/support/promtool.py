"""Prometheus's own tool for rules, from Debian's package: unpacked beside the project's environment, never installed."""

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

PACKAGE: Final = "prometheus"
_FOLDER: Final = Path(sys.prefix) / "environments" / PACKAGE


def promtool() -> Path:
    """Return the program, fetched if it is not there."""
    program = _FOLDER / "usr" / "bin" / "promtool"
    _FOLDER.parent.mkdir(exist_ok=True)
    with (_FOLDER.parent / f"{PACKAGE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _fetch()
    return program


def rule_failures(rules: Path, cases: list[dict[str, Any]], folder: Path) -> str:
    """Run promtool's tests of a file of rules; return what it says is wrong, nothing when all hold."""
    path = folder / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "5s", "tests": cases}))
    run = subprocess.run([str(promtool()), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else run.stdout + run.stderr


def _fetch() -> None:
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["apt-get", "-o", "APT::Sandbox::User=root", "download", "-qq", PACKAGE]
        if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode:
            # Where no list of packages was ever fetched; that needs root.
            subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=True)
            subprocess.run(fetch, cwd=folder, capture_output=True, check=True)
        (package,) = Path(folder).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(_FOLDER)], check=True)
