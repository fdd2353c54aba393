"""Mutants: planted bugs that the judges of consensus must find, so that their silence means something.

Each file under tests/mutants is a unified diff against node/consensus behind a header that says what the bug is, which
judge kills it, and with which words (alternatives between bars). It is applied to a copy, never to the checkout; one
that no longer applies fails.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patches import applied_patch, header_fields

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants").glob("*.patch"))
JUDGING_SECONDS_MAX = 120


# A judge that lets a planted bug pass would let the real one pass, too.
@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: path.stem)
def test_mutant_is_killed(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    fields = header_fields(text)
    copy_with_mutant(text, tmp_path)
    verdict = judged(fields["Judge"], tmp_path)
    assert f"judging {tmp_path}" in verdict.stdout
    assert verdict.returncode == 1, f"survived: {fields['Bug']}\n{verdict.stdout}"
    assert any(words in verdict.stderr for words in fields["Says"].split(" | ")), verdict.stderr


# Mutants that are not found would let everything above pass.
def test_mutants_are_found() -> None:
    assert len(MUTANTS) >= 15


def copy_with_mutant(text: str, folder: Path) -> None:
    """Copy node/consensus into the folder and apply the patch there."""
    package = folder / "node" / "consensus"
    shutil.copytree(ROOT / "node" / "consensus", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "node" / "__init__.py", package.parent)
    for name, content in applied_patch(text, lambda name: (folder / name).read_text()).items():
        (folder / name).write_text(content)


def judged(judge: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run one judge, such as `simulation 0 50` or `transcript lease`, on the copy in the folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.support.consensus_mutant", *judge.split()],
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=JUDGING_SECONDS_MAX,
        check=False,
    )
