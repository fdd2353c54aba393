"""Mutants of how lost disks and older copies are dealt with: what must notice them does, or its silence means nothing.

As in test_consensus_mutants, but against the whole node. A judge is the storm of lost disks (`losses FIRST COUNT`), or one file of
unit tests (`unit NAME`) where the window for the bug is too narrow for chance.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patches import applied_patch, header_fields

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants" / "losses").glob("*.patch"))
JUDGING_SECONDS_MAX = 120


# Each rule of the recovery is there because without it something acknowledged can be lost.
@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: path.stem)
def test_mutant_is_killed(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    fields = header_fields(text)
    shutil.copytree(ROOT / "node", tmp_path / "node", ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in applied_patch(text, lambda name: (tmp_path / name).read_text()).items():
        (tmp_path / name).write_text(content)
    verdict = judged(fields["Judge"], tmp_path)
    said = verdict.stdout + verdict.stderr
    assert verdict.returncode == 1, f"survived: {fields['Bug']}\n{said}"
    assert any(words in said for words in fields["Says"].split(" | ")), said


# Mutants that are not found would let everything above pass.
def test_mutants_are_found() -> None:
    assert len(MUTANTS) >= 10


def judged(judge: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run one judge on the copy in the folder."""
    kind, *arguments = judge.split()
    if kind == "unit":
        paths = f"{folder} {ROOT} {ROOT / 'proto'}"
        command = ["pytest", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={paths}"]
        command.append(str(ROOT / "tests" / "unit" / f"{arguments[0]}.py"))
    else:
        command = ["tests.support.losses_mutant", *arguments]
    return subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=JUDGING_SECONDS_MAX,
        check=False,
    )
