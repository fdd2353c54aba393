"""Whether containers can be tested here, and the image that they are made from: built once per content of what goes into it."""

import hashlib
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from docker.errors import APIError
from testcontainers.core.docker_client import DockerClient

from scripts.container_engine import missing_engine

ROOT = Path(__file__).resolve().parents[2]
TAG_PREFIX = "tests-"
GIVEN_VERSION = "GLOBETABLE_TEST_VERSION"  # of an image that is here already
# What the image is made of: the wheel's packages, what is locked, and how they are put together.
INGREDIENTS = (
    "node",
    "router",
    "deploy",
    "proto/wire",
    "pyproject.toml",
    "requirements.lock",
    "scripts/build_image.sh",
)
_SUFFIXES = {".py", ".pyi", ".toml", ".lock", ".sh", ".json", ".lark", ".proto", ""}


def missing() -> str:
    """Return why no container can be tested on this machine, in one line; empty if they can."""
    return missing_engine()


def image_version() -> str:
    """Return the tag of an image of the sources as they are, which is built unless it is here; or of that to test instead."""
    if given := os.environ.get(GIVEN_VERSION):
        return given
    tag = TAG_PREFIX + _digest()
    images = DockerClient().client.images
    if not images.list(name=f"globetable:{tag}"):
        subprocess.run([ROOT / "scripts" / "build_image.sh"], check=True)
        for old in [name for image in images.list(name="globetable") for name in image.tags]:
            if old.startswith(f"globetable:{TAG_PREFIX}"):
                with suppress(APIError):  # another run still uses it
                    images.remove(old, noprune=True)
        images.get("globetable:latest").tag("globetable", tag)
    return tag


def compose_command() -> list[str]:
    """Return the compose that this machine has: the engine's plugin, else the command of its own."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if plugin.returncode == 0 else [shutil.which("docker-compose") or "docker-compose"]


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(path for name in INGREDIENTS for path in _files(ROOT / name)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [each for each in path.rglob("*") if each.suffix in _SUFFIXES and each.is_file()]
