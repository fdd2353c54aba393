"""Processes start quickly because they import little. How long that takes is the machine's; what they import is looked at here."""

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

TIMEOUT_SECONDS = 60
IMPORT = re.compile(r"import time: +\d+ \| +\d+ \| +(\w+)")

# Each is a tenth of a start or more. Of botocore, only its data are read.
HEAVY = {
    "attr",
    "botocore",
    "cryptography",
    "google",
    "grpc",
    "lark",
    "prometheus_client",
    "psutil",
    "pygments",
    "regex",
    "rich",
    "structlog",
}


@contextmanager
def started(imports: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of ours that ends well; the interpreter writes to `imports` what is imported."""
    command = [sys.executable, "-X", "importtime", "-m", *arguments]
    with imports.open("w") as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            yield process
            assert process.wait(TIMEOUT_SECONDS) == 0, imports.read_text()
        finally:
            process.kill()


def packages(imports: Path) -> set[str]:
    """Return the top-level packages that something was imported of."""
    return set(IMPORT.findall(imports.read_text()))


# Who runs `globetable dev` in tests starts it over and over. The first request must not make up for what the start left out.
def test_dev_imports_nothing_heavy(tmp_path: Path) -> None:
    imports = tmp_path / "imports"
    with started(imports, "deploy.cli.main", "dev", "--port", "0") as process:
        assert process.stdout is not None
        address = re.search(r"http://(\S+);", process.stdout.readline())
        assert address is not None, imports.read_text()
        with closing(http.client.HTTPConnection(address[1], timeout=TIMEOUT_SECONDS)) as connection:
            target = {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": "application/x-amz-json-1.0"}
            connection.request("POST", "/", '{"TableName": "tab", "FilterExpression": "attribute_exists(a)"}', target)
            assert b"ResourceNotFoundException" in connection.getresponse().read()
        # Not SIGINT: what a shell starts in the background inherits that as ignored, and leaves it so.
        process.terminate()
    assert {"deploy", "node", "router", "wire"} <= packages(imports)
    assert packages(imports) & HEAVY == set()


# A cluster starts a dozen of these at once. gRPC they cannot do without, but a wrong command line is told without it.
@pytest.mark.parametrize("module", ["node.main", "router.main", "router.start"])
def test_processes_import_nothing_heavy(module: str, tmp_path: Path) -> None:
    with started(tmp_path / "imports", module, "--help") as process:
        assert process.stdout is not None
        assert "usage:" in process.stdout.read()
    assert packages(tmp_path / "imports") & HEAVY == set()
