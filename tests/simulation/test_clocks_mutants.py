"""Mutants: planted bugs in clocks and in holding back that the simulations must find, so that their silence means something.

As in `test_consensus_mutants`: each file under tests/mutants/clocks is a diff behind a header; it is applied to a copy of `node`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patches import applied_patch, header_fields

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants" / "clocks").glob("*.patch"))
JUDGING_SECONDS_MAX = 120


# A simulation that lets a planted bug pass would let the real one pass, too.
@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: path.stem)
def test_clocks_mutant_is_killed(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    fields = header_fields(text)
    shutil.copytree(ROOT / "node", tmp_path / "node", ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in applied_patch(text, lambda name: (tmp_path / name).read_text()).items():
        (tmp_path / name).write_text(content)
    verdict = judged(fields["Judge"], tmp_path)
    assert f"judging {tmp_path}" in verdict.stdout, verdict.stderr
    assert verdict.returncode == 1, f"survived: {fields['Bug']}\n{verdict.stdout}"
    assert any(words in verdict.stderr for words in fields["Says"].split(" | ")), verdict.stderr


# Mutants that are not found would let everything above pass.
def test_clocks_mutants_are_found() -> None:
    assert len(MUTANTS) >= 8


def judged(judge: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run one judge, such as `clocks 0 20`, on the copy in the folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.support.clocks_mutant", *judge.split()],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=JUDGING_SECONDS_MAX,
        check=False,
    )
