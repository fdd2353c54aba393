"""A `docker` for scripts: an executable that gives the answers it was told to give, on a PATH with nothing else of containers."""

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What scripts use of a machine, so that what is missing there can be left out here.
TOOLS = [
    "bash",
    "cat",
    "cut",
    "date",
    "dirname",
    "env",
    "git",
    "grep",
    "head",
    "id",
    "mkdir",
    "mktemp",
    "rm",
    "sed",
    "sleep",
    "sort",
    "tail",
    "timeout",
    "uname",
]

_PROGRAM = """#!{shell}
# Answers are files named by the words, the longest that begins the line counts; what has none is refused as unknown.
line="$*"
while [ -n "$line" ]; do
    name="${{line//\\//|}}"
    if [ -f "{folder}/$name.status" ]; then
        cat "{folder}/$name.output"
        exit "$(cat "{folder}/$name.status")"
    fi
    case "$line" in *" "*) line="${{line% *}}" ;; *) line="" ;; esac
done
echo "docker: '$*' is not a docker command." >&2
exit 1
"""


class Machine:
    """A machine on which scripts run: its programs are in one folder."""

    def __init__(self, folder: Path) -> None:
        self._programs = folder / "programs"
        self._answers = folder / "answers"
        self._programs.mkdir(parents=True)
        self._answers.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, f"{tool} is needed by the scripts"
            (self._programs / tool).symlink_to(found)

    @property
    def path(self) -> str:
        """Return what PATH is there."""
        return str(self._programs)

    def install_docker(self) -> None:
        """Install an engine that is well, with compose as a plugin and more memory than needed, and nothing in it."""
        program = self._programs / "docker"
        program.write_text(_PROGRAM.format(shell=shutil.which("bash"), folder=self._answers))
        program.chmod(0o755)
        self.answer("info --format {{.ServerVersion}}", "28.0.0")
        self.answer("info --format {{.MemTotal}}", str(24 * 10**9))
        self.answer("compose version", "Docker Compose version v2.30.0")
        self.answer("ps", "")
        self.answer("volume ls", "")

    def answer(self, words: str, output: str, status: int = 0) -> None:
        """Answer every command line that begins with these words, unless a longer answer fits."""
        name = words.replace("/", "|")
        (self._answers / f"{name}.output").write_text(output and output + "\n")
        (self._answers / f"{name}.status").write_text(str(status))

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project there."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env={"PATH": self.path, "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
