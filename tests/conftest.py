"""Options of the whole test run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite",
        action="store_true",
        help="write the expected traces of transcripts anew instead of comparing them; read the difference afterwards",
    )
    # Of tests/conformance only, but pytest takes options from no conftest deeper than this one.
    parser.addoption(
        "--endpoint", help="URL of the endpoint that the conformance tests talk to; none: an embedded region"
    )
    parser.addoption("--region", default="us-east-1", help="region of that endpoint")
    parser.addoption("--access-key", default="local", help="access key id for that endpoint")
    parser.addoption("--secret-key", default="local", help="secret access key for that endpoint")
