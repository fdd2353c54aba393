"""The options that nodes and routers share: where to listen, how to log."""

from collections.abc import Callable
from typing import Any

import pytest

from node.settings import parse_arguments as node_settings
from router.settings import parse_arguments as router_settings
from wire.cluster import listen_address

NODE = ["--cluster", "c", "--node", "n", "--data", "d"]
ROUTER = ["--cluster", "c", "--region", "r"]
both = pytest.mark.parametrize(("parse", "arguments"), [(node_settings, NODE), (router_settings, ROUTER)])

Parse = Callable[[list[str]], Any]


# Where nothing is said, the address of the cluster file is the one to bind.
def test_the_address_is_bound_unless_a_host_is_named():
    assert listen_address("us-east-1-1.us-east-1:7001", None) == "us-east-1-1.us-east-1:7001"
    assert listen_address("us-east-1-1.us-east-1:7001", "0.0.0.0") == "0.0.0.0:7001"
    assert listen_address("[::1]:7001", "0.0.0.0") == "0.0.0.0:7001"


# A person reads text; an image sets the variable once for all its processes; a flag has the last word.
@both
def test_the_log_format_is_the_flags_else_the_environments_else_text(
    monkeypatch: pytest.MonkeyPatch, parse: Parse, arguments: list[str]
) -> None:
    monkeypatch.delenv("GLOBETABLE_LOG_FORMAT", raising=False)
    assert not parse(arguments).log_json
    monkeypatch.setenv("GLOBETABLE_LOG_FORMAT", "json")
    assert parse(arguments).log_json
    assert not parse([*arguments, "--log-format", "text"]).log_json


# A format that does not exist is refused before anything starts.
@both
def test_an_unknown_log_format_is_refused(
    capsys: pytest.CaptureFixture[str], parse: Parse, arguments: list[str]
) -> None:
    with pytest.raises(SystemExit):
        parse([*arguments, "--log-format", "xml"])
    assert "invalid choice: 'xml'" in capsys.readouterr().err


# Who starts a process by hand opens no port that was not asked for.
@both
def test_metrics_are_told_where_asked(parse: Parse, arguments: list[str]) -> None:
    assert parse(arguments).metrics is None
    assert parse([*arguments, "--metrics", "0.0.0.0:9100"]).metrics == "0.0.0.0:9100"
