"""Mutants of how damage is found and mended: the storm of damaged disks must notice them, or its silence means nothing.

As in test_consensus_mutants, but against the whole node.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patches import applied_patch, header_fields

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants" / "damage").glob("*.patch"))
JUDGING_SECONDS_MAX = 120


# Each rule is there because without it something damaged is served, or something acknowledged can be lost.
@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: path.stem)
def test_mutant_is_killed(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    fields = header_fields(text)
    shutil.copytree(ROOT / "node", tmp_path / "node", ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in applied_patch(text, lambda name: (tmp_path / name).read_text()).items():
        (tmp_path / name).write_text(content)
    verdict = judged(fields["Judge"].split(), tmp_path)
    said = verdict.stdout + verdict.stderr
    assert f"judging {tmp_path}" in verdict.stdout
    assert verdict.returncode == 1, f"survived: {fields['Bug']}\n{said}"
    assert any(words in said for words in fields["Says"].split(" | ")), said


# Mutants that are not found would let everything above pass.
def test_mutants_are_found() -> None:
    assert len(MUTANTS) >= 4


def judged(arguments: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the judge on the copy in the folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.support.damage_mutant", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}{os.pathsep}{ROOT / 'proto'}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=JUDGING_SECONDS_MAX,
        check=False,
    )
