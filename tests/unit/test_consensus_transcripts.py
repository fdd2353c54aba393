"""Transcripts: each file under transcripts/ tells one behaviour as commands and the traces they leave.

`pytest --rewrite` writes the traces anew; read the difference before committing it.
"""

from pathlib import Path

import pytest

from tests.support.consensus_transcript import TranscriptGroup

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
RULE = "----"


def _played(text: str) -> str:
    """Return the transcript with the traces that its commands really leave."""
    group = TranscriptGroup()
    blocks = []
    for block in text.strip().split("\n\n"):
        head, _, _ = block.partition(f"\n{RULE}")
        commands = [line for line in head.splitlines() if line and not line.startswith("#")]
        if not commands:
            blocks.append(block)
            continue
        lines = [line for command in commands for line in group.run(command)]
        shown = [line for line in lines if line != "ok"] or ["ok"]
        blocks.append("\n".join([head, RULE, *shown]))
    return "\n\n".join(blocks) + "\n"


# The behaviours that people have to understand are told step by step; a changed trace is a changed behaviour.
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript_is_what_happens(path: Path, request: pytest.FixtureRequest) -> None:
    written = path.read_text()
    played = _played(written)
    if request.config.getoption("--rewrite"):
        path.write_text(played)
    else:
        assert played == written


# A transcript folder that is not found would let everything above pass.
def test_transcripts_are_found() -> None:
    assert len(TRANSCRIPTS) >= 15
