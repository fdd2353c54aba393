"""Whether this machine has what containers are tested with. Nothing but the standard library: asked before anything is installed."""

import shutil
import subprocess

ANSWER_SECONDS = 20


def missing_engine() -> str:
    """Return what is missing, and what to do, in one line; empty if nothing is."""
    if shutil.which("docker") is None:
        return "docker is not installed; see https://docs.docker.com/engine/install/, or on Debian: apt-get install docker.io"
    try:
        asked = _docker("info", "--format", "{{.ServerVersion}}")
    except subprocess.TimeoutExpired:
        return f"the Docker engine does not answer within {ANSWER_SECONDS} s; is it running?"
    if asked.returncode:
        said = (asked.stderr.strip().splitlines() or ["no word"])[-1]
        return f"the Docker engine does not answer ({said}); start it, or run this as a user who may use it"
    if _docker("compose", "version").returncode and shutil.which("docker-compose") is None:
        return "there is no compose; see https://docs.docker.com/compose/install/, or on Debian: apt-get install docker-compose"
    return ""


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
