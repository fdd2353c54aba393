"""Transcripts: each file under transcripts/ tells one behaviour as commands and the traces they leave.

`pytest --rewrite` writes the traces anew; read the difference before committing it.
"""

from pathlib import Path

import pytest

from tests.support.consensus_transcript import played

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


# The behaviours that people have to understand are told step by step; a changed trace is a changed behaviour.
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript_is_what_happens(path: Path, request: pytest.FixtureRequest) -> None:
    written = path.read_text()
    happened = played(written)
    if request.config.getoption("--rewrite"):
        path.write_text(happened)
    else:
        assert happened == written


# A transcript folder that is not found would let everything above pass.
def test_transcripts_are_found() -> None:
    assert len(TRANSCRIPTS) >= 15
