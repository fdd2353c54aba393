"""Put everything that a machine can put in order in order: imports, layout, generated code, the README's table."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUFF = str(Path(sys.executable).parent / "ruff")
COMMANDS = (
    (RUFF, "check", "--fix", "."),
    (RUFF, "format", "."),
    (sys.executable, "scripts/generate_protos.py"),
    (sys.executable, "scripts/support_table.py"),
)


def main() -> int:
    """Run every command; return the first failure's status."""
    return next(
        (status for command in COMMANDS if (status := subprocess.run(command, cwd=ROOT, check=False).returncode)), 0
    )


if __name__ == "__main__":
    sys.exit(main())
