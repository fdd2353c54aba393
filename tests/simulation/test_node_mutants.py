"""Mutants of the node: bugs planted in how it bears lost, damaged and full disks, wrong clocks and cut links, which a judge must notice.

Each file below tests/mutants' folders is a unified diff behind a header: what the bug is, which judge kills it (a storm with its first
seed and their number, or a file of tests), and with which words (alternatives between bars). It is applied to a copy
of the node, never to the checkout; one that no longer applies fails.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patches import applied_patch, header_fields

ROOT = Path(__file__).parent.parent.parent
MUTANTS = sorted((ROOT / "tests" / "mutants").glob("*/*.patch"))
JUDGING_SECONDS_MAX = 200


# A judge that lets a planted bug pass would let the real one pass, too.
@pytest.mark.parametrize("path", MUTANTS, ids=lambda path: f"{path.parent.stem}/{path.stem}")
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
    folders = [path.parent.name for path in MUTANTS]
    assert folders.count("losses") >= 10
    assert folders.count("clocks") >= 8
    assert folders.count("damage") >= 4
    assert folders.count("disks") >= 7
    assert folders.count("forwarding") >= 3


# A judge that looked at the checkout would judge no mutant.
def test_storms_judge_the_copy(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "node", tmp_path / "node", ignore=shutil.ignore_patterns("__pycache__"))
    assert f"judging {tmp_path}" in judged("clocks 0 1", tmp_path).stdout


def judged(judge: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run one judge, such as `losses 0 20` or `unit test_joining`, on the copy in the folder."""
    kind, *arguments = judge.split()
    if kind in ("unit", "property", "simulation"):
        paths = f"{folder} {ROOT} {ROOT / 'proto'}"
        command = ["pytest", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={paths}"]
        command += ["-x"] if kind == "simulation" else []
        command.append(str(ROOT / "tests" / kind / f"{arguments[0]}.py"))
    else:
        command = ["tests.support.node_mutant", kind, *arguments]
    return subprocess.run(
        [sys.executable, "-m", *command],
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
