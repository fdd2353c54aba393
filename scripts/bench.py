"""Throughput, latency and CPU per operation of a three-node region, beside moto's server in the same run.

Starts a region of its own (three nodes, one router, six partitions, real fsync) and moto's server, drives both with wrk over
the same signed requests, and prints a table with ratios. Machines are noisy: compare within one run, quote ratios and CPU.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import botocore.session
import msgspec
import psutil
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from tests.support.cluster import RunningCluster, running_cluster  # noqa: E402 - found from the root

TABLE = "bench"
KEYS = 2000
PAGES = 200
PAGE_ITEMS = 10
FILLER = "x" * 230  # with its keys and names an item has about 300 bytes
LUA = Path(__file__).with_name("bench.lua")
people = Console(stderr=True, highlight=False)


class Operation(NamedTuple):
    """One kind of request: its name, and the bodies to replay."""

    name: str
    target: str
    bodies: list[dict[str, Any]]


class Result(NamedTuple):
    """One measurement. Latencies in milliseconds, CPU in microseconds per operation by kind of process."""

    operation: str
    connections: int
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu: dict[str, float]
    errors: int


class Target(NamedTuple):
    """A server to drive: where it is, and which processes work for it, by kind."""

    name: str
    address: str
    region: str
    credentials: Credentials
    processes: dict[str, list[psutil.Process]]


def main() -> int:
    """Measure both and print the table."""
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        with moto(scratch) as reference, region(scratch / "region") as ours:
            results = {}
            for target in (ours, reference):
                prepare(target)
                results[target.name] = measured(target, scratch, arguments)
    show(results["globetable"], results["moto"])
    if arguments.json:
        print(json.dumps({name: [each._asdict() for each in rows] for name, rows in results.items()}))
    return 1 if any(each.errors for rows in results.values() for each in rows) else 0


def parsed_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=8, help="length of each measurement (default 8)")
    parser.add_argument("--connections", default="1,16,64", help="numbers of keep-alive connections (default 1,16,64)")
    parser.add_argument("--only", help="only the operation of this name, such as PutItem")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON as well")
    return parser.parse_args()


@contextmanager
def region(folder: Path) -> Iterator[Target]:
    """Start a region of three nodes and a router."""
    people.print("starting a region of three nodes")
    with running_cluster(folder) as cluster:
        yield our_target(cluster)


def our_target(cluster: RunningCluster) -> Target:
    """Return the first region of a running cluster as a target."""
    entry = cluster.regions[0]
    processes: dict[str, list[psutil.Process]] = {"router": [], "nodes": []}
    for name in cluster.local.names():
        processes["router" if name.endswith("-router") else "nodes"] += cluster.local.processes.parts(name)
    secret = cluster.spec.credentials[0]
    return Target(
        "globetable", entry.http, entry.name, Credentials(secret.access_key_id, secret.secret_access_key), processes
    )


@contextmanager
def moto(folder: Path) -> Iterator[Target]:
    """Start moto's server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    people.print("starting moto's server")
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        until(lambda: answers(port), "moto's server")
        yield Target(
            "moto",
            f"127.0.0.1:{port}",
            "us-east-1",
            Credentials("moto", "moto"),
            {"server": [psutil.Process(process.pid)]},
        )
    finally:
        process.terminate()
        process.wait()


def prepare(target: Target) -> None:
    """Create the table and the items that reads and updates need."""
    people.print(f"{target.name}: loading {KEYS + PAGES * PAGE_ITEMS} items")
    client = botocore.session.get_session().create_client(
        "dynamodb",
        region_name=target.region,
        endpoint_url=f"http://{target.address}",
        aws_access_key_id=target.credentials.access_key,
        aws_secret_access_key=target.credentials.secret_key,
    )
    client.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    items = [item(f"key-{n}", "0") for n in range(KEYS)]
    items += [item(f"page-{page}", f"{n:04}") for page in range(PAGES) for n in range(PAGE_ITEMS)]
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": each}} for each in items[start : start + 25]]
        client.batch_write_item(RequestItems={TABLE: requests})


def item(pk: str, sk: str, n: int = 1) -> dict[str, Any]:
    """Return an item of about 300 bytes."""
    return {"pk": {"S": pk}, "sk": {"S": sk}, "n": {"N": str(n)}, "flag": {"BOOL": True}, "filler": {"S": FILLER}}


def changing_items() -> Iterator[dict[str, Any]]:
    """Yield every item twice, with other contents, so that replayed over and over each put changes something."""
    for contents in (1, 2):
        yield from (item(f"new-{n}", "0", contents) for n in range(KEYS))


def operations() -> list[Operation]:
    """Return what is measured."""
    keys = [{"pk": {"S": f"key-{n}"}, "sk": {"S": "0"}} for n in range(KEYS)]
    update = {
        "UpdateExpression": "SET n = n + :one",
        "ConditionExpression": "attribute_exists(pk) AND n >= :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    pages = [
        {
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": f"page-{n}"}},
        }
        for n in range(PAGES)
    ]
    return [
        Operation("GetItem", "GetItem", [{"TableName": TABLE, "Key": key} for key in keys]),
        Operation(
            "GetItem strong", "GetItem", [{"TableName": TABLE, "Key": key, "ConsistentRead": True} for key in keys]
        ),
        Operation("PutItem", "PutItem", [{"TableName": TABLE, "Item": each} for each in changing_items()]),
        Operation("UpdateItem if", "UpdateItem", [{"TableName": TABLE, "Key": key, **update} for key in keys]),
        Operation("Query of 10", "Query", pages),
    ]


def measured(target: Target, scratch: Path, arguments: argparse.Namespace) -> list[Result]:
    """Drive one target through every operation and number of connections."""
    results = []
    for operation in operations():
        if arguments.only and operation.name != arguments.only:
            continue
        for connections in (int(each) for each in arguments.connections.split(",")):
            people.print(f"{target.name}: {operation.name}, {connections} connections")
            results.append(measure(target, operation, connections, arguments.seconds, scratch))
    return results


def measure(target: Target, operation: Operation, connections: int, seconds: int, scratch: Path) -> Result:
    """Run wrk once and read the processes' CPU clocks around it."""
    path = scratch / "requests"
    path.write_bytes(b"".join(framed(signed(target, operation.target, body)) for body in operation.bodies))
    before = cpu_seconds(target)
    done = subprocess.run(
        [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-s",
            str(LUA),
            f"http://{target.address}/",
        ],
        env={**os.environ, "BENCH_REQUESTS": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    figures = msgspec.json.decode(found[1])
    spent = {kind: value - before[kind] for kind, value in cpu_seconds(target).items()}
    count = max(figures["requests"], 1)
    return Result(
        operation.name,
        connections,
        count / (figures["micros"] / 1e6),
        figures["p50"] / 1000,
        figures["p99"] / 1000,
        {kind: value / count * 1e6 for kind, value in spent.items()},
        figures["refused"] + figures["failed"],
    )


def signed(target: Target, name: str, body: dict[str, Any]) -> bytes:
    """Return a whole HTTP request with its signature; it stays valid for as long as the clock skew allows."""
    content = json.dumps(body).encode()
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{name}", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", f"http://{target.address}/", data=content, headers=headers)
    SigV4Auth(target.credentials, "dynamodb", target.region).add_auth(request)
    lines = [f"{key}: {value}" for key, value in request.headers.items()]
    head = "\r\n".join(
        ["POST / HTTP/1.1", f"Host: {target.address}", *lines, f"Content-Length: {len(content)}", "", ""]
    )
    return head.encode() + content


def framed(request: bytes) -> bytes:
    """Return a request as the Lua script reads it."""
    return str(len(request)).encode() + b"\n" + request


def cpu_seconds(target: Target) -> dict[str, float]:
    """Return the CPU time of the target's processes so far, by kind."""
    spent = {}
    for kind, processes in target.processes.items():
        times = [process.cpu_times() for process in processes]
        spent[kind] = sum(each.user + each.system for each in times)
    return spent


def show(ours: list[Result], reference: list[Result]) -> None:
    """Print the table."""
    table = Table(
        title="Three nodes and a router, replicated three times and fsynced, beside moto in memory",
        title_justify="left",
    )
    for heading in (
        "operation",
        "conns",
        "op/s",
        "p50 ms",
        "p99 ms",
        "CPU µs/op",
        "router",
        "nodes",
        "moto op/s",
        "ratio",
    ):
        table.add_column(heading, justify="left" if heading == "operation" else "right")
    for mine, other in zip(ours, reference, strict=True):
        table.add_row(
            mine.operation,
            str(mine.connections),
            f"{mine.per_second:,.0f}",
            f"{mine.p50_ms:.2f}",
            f"{mine.p99_ms:.2f}",
            f"{sum(mine.cpu.values()):.0f}",
            f"{mine.cpu['router']:.0f}",
            f"{mine.cpu['nodes']:.0f}",
            f"{other.per_second:,.0f}",
            f"{mine.per_second / other.per_second:.1f}" + (f"  ({mine.errors} errors)" if mine.errors else ""),
        )
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)


def until(holds: Callable[[], bool], what: str) -> None:
    """Poll until it holds. Ends the run after a minute."""
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited a minute for {what}")
        time.sleep(0.1)


def answers(port: int) -> bool:
    """Whether something listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
