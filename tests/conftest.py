"""Options of the whole test run."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business. And whoever runs the tests of one state again gets the same examples: what is
# found is found by all; `--hypothesis-profile=search` looks for more.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")


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
    # As the AWS CLI does, and `globetable env` sets them.
    for option, variable in (("--access-key", "AWS_ACCESS_KEY_ID"), ("--secret-key", "AWS_SECRET_ACCESS_KEY")):
        parser.addoption(option, default=os.environ.get(variable, "local"), help=f"for that endpoint; else ${variable}")
