"""A tour of a running cluster: load real data, watch it replicate, cut a link, see who wins, kill a leader, lose nothing.

Start a cluster first (./scripts/up, or globetable up --detach), then: python scripts/tour.py. With GLOBETABLE_TARGET=compose it goes
to the three regions of deploy/docker instead. It may be run again, also after `globetable down` and `up`: what it loaded is still
there, and it checks that first. Ends with status 1 if anything does not hold.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
if Path(sys.prefix) != ROOT / ".venv" and (BIN / "python").exists():
    os.execv(BIN / "python", [str(BIN / "python"), *sys.argv])  # pasted with the system's Python: use the project's

import airportsdata  # noqa: E402 - after the interpreter is the right one
import boto3  # noqa: E402
import boto3.dynamodb.table  # noqa: E402
from boto3.dynamodb.conditions import Key  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import BotoCoreError, ClientError  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import track  # noqa: E402

TABLE = "airports"
LOADERS = 4
READERS = 4
WAIT_SECONDS = 120.0
say = Console(highlight=False)

Item = dict[str, Any]


class Region:
    """One region's endpoint, as the tour uses it."""

    def __init__(self, name: str, endpoint: str, credentials: dict[str, str]) -> None:
        self.name = name
        session = boto3.session.Session(
            region_name=name,
            aws_access_key_id=credentials["access_key_id"],
            aws_secret_access_key=credentials["secret_access_key"],
        )
        patient = Config(retries={"total_max_attempts": 12, "mode": "standard"}, max_pool_connections=32)
        self.resource = session.resource("dynamodb", endpoint_url=endpoint, config=patient)
        self.client = self.resource.meta.client
        self.table = self.resource.Table(TABLE)
        once = Config(retries={"total_max_attempts": 1}, read_timeout=15, max_pool_connections=32)
        self.once = session.client("dynamodb", endpoint_url=endpoint, config=once)


def main() -> int:
    """Run the tour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the cluster's folder, as for globetable (default: the same as its)")
    parser.add_argument("--load", action="store_true", help="only load the data, replicate and verify them")
    arguments = parser.parse_args()
    cli = Cli(arguments.data)
    regions = [Region(each["name"], each["endpoint"], cli.status()["credentials"]) for each in cli.status()["regions"]]
    if len(regions) < 3:
        stop(f"the tour needs three regions, this cluster has {len(regions)}: globetable up --regions 3")
    airports = real_airports()
    load(regions[0], airports)
    replicate(regions)
    verify_everywhere(regions, airports)
    if arguments.load:
        return 0
    query(regions[1], airports)
    conflict(cli, regions, airports)
    lose_a_leader(cli, regions[0])
    say.print("\n[bold green]The tour is complete: nothing acknowledged was lost, and all regions agree.[/]")
    return 0


class Cli:
    """The globetable command, as a script would use it."""

    def __init__(self, data: str | None) -> None:
        self._options = ["--data", data] if data else []

    def run(self, *words: str) -> str:
        """Run `globetable words...`; end the tour with its message if it fails."""
        done = subprocess.run([BIN / "globetable", *words, *self._options], capture_output=True, text=True, check=False)
        if done.returncode:
            stop(done.stderr.strip() or f"globetable {' '.join(words)} failed")
        return done.stdout

    def status(self) -> dict[str, Any]:
        """Return `globetable status --json`."""
        report: dict[str, Any] = json.loads(self.run("status", "--json"))
        return report


def real_airports() -> dict[tuple[str, str], Item]:
    """Return every airport by (country, icao): text in many scripts, floats, and fields that some lack."""
    rows = airportsdata.load("ICAO").values()
    items: list[Item] = [
        {name: _value(value) for name, value in row.items() if value not in ("", None)} for row in rows
    ]
    return {(item["country"], item["icao"]): item for item in items}


def _value(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def load(region: Region, airports: dict[tuple[str, str], Item]) -> None:
    """Load the airports in one region, or check that an earlier tour's are still there."""
    heading(f"1. Load {len(airports):,} airports in {region.name}")
    if TABLE in region.client.list_tables()["TableNames"]:
        found = scanned(region)
        if set(airports) <= set(found):
            say.print(f"   already there from an earlier tour: {len(found):,} items survived")
            return
    else:
        create_table(region)
    began = time.monotonic()
    chunks = list(_chunks(list(airports.values()), 250))
    with ThreadPoolExecutor(LOADERS) as pool:
        loads = pool.map(lambda chunk: _write(region, chunk), chunks)
        for _ in track(loads, "   writing", total=len(chunks), console=say, transient=True):
            pass
    seconds = time.monotonic() - began
    say.print(
        f"   {len(airports):,} items in {seconds:.1f} s: {len(airports) / seconds:,.0f} a second, each on two disks or more"
    )


def create_table(region: Region) -> None:
    """Create the table: country as partition key, ICAO code as sort key."""
    region.client.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("country", "icao")],
        KeySchema=[{"AttributeName": "country", "KeyType": "HASH"}, {"AttributeName": "icao", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    region.client.get_waiter("table_exists").wait(TableName=TABLE, WaiterConfig={"Delay": 1})


def _write(region: Region, items: list[Item]) -> None:
    # A resource is not safe to share between threads; its client is.
    with boto3.dynamodb.table.BatchWriter(TABLE, region.client) as batch:
        for item in items:
            batch.put_item(Item=item)


def replicate(regions: list[Region]) -> None:
    """Add the other regions as replicas, one after the other as the API wants it."""
    heading(f"2. Replicate to {' and '.join(region.name for region in regions[1:])}")
    for region in regions[1:]:
        if region.name in _replicas(regions[0]):
            say.print(f"   {region.name} already holds a replica")
            continue
        began = time.monotonic()
        regions[0].client.update_table(TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": region.name}}])
        with say.status(f"   copying to {region.name}"):
            wait_until(lambda: _replicas(regions[0]).get(region.name) == "ACTIVE", f"replica in {region.name}")  # noqa: B023
        say.print(f"   {region.name} is ACTIVE after {time.monotonic() - began:.1f} s")


def _replicas(region: Region) -> dict[str, str]:
    table = region.client.describe_table(TableName=TABLE)["Table"]
    return {each["RegionName"]: each["ReplicaStatus"] for each in table.get("Replicas", [])}


def verify_everywhere(regions: list[Region], airports: dict[tuple[str, str], Item]) -> None:
    """Compare every item in every region with the source, by strongly consistent reads and by a scan."""
    heading("3. Verify every item in every region")
    for region in regions:
        wait_until(lambda: _same(scanned(region), airports), f"scan of {region.name} to show all items")  # noqa: B023
        keys = list(airports)
        batches = list(_chunks(keys, 100))
        with ThreadPoolExecutor(READERS) as pool:
            reads = pool.map(lambda batch: strongly_read(region, batch), batches)  # noqa: B023
            found: dict[tuple[str, str], Item] = {}
            for part in track(reads, f"   {region.name}", total=len(batches), console=say, transient=True):
                found.update(part)
        require(_same(found, airports), f"strong reads in {region.name} differ from the source")
        say.print(f"   {region.name}: {len(found):,} strongly consistent reads and a scan, all equal")


def _same(found: dict[tuple[str, str], Item], airports: dict[tuple[str, str], Item]) -> bool:
    return len(found) == len(airports) and all(_plain(found.get(key)) == item for key, item in airports.items())


def _plain(item: Item | None) -> Item | None:
    # `note` is what a tour adds in its fourth part.
    return None if item is None else {name: value for name, value in item.items() if name != "note"}


def scanned(region: Region) -> dict[tuple[str, str], Item]:
    """Return the whole table by a scan in parallel segments."""
    with ThreadPoolExecutor(READERS) as pool:
        parts = pool.map(lambda segment: _scan_segment(region, segment), range(READERS))
        return {(item["country"], item["icao"]): item for part in parts for item in part}


def _scan_segment(region: Region, segment: int) -> list[Item]:
    items: list[Item] = []
    start: dict[str, Any] = {}
    while True:
        page = region.client.scan(TableName=TABLE, Segment=segment, TotalSegments=READERS, ConsistentRead=True, **start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def strongly_read(region: Region, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Item]:
    """Return the items of up to 100 keys, read strongly."""
    wanted: dict[str, Any] = {TABLE: {"Keys": [{"country": c, "icao": i} for c, i in keys], "ConsistentRead": True}}
    found: dict[tuple[str, str], Item] = {}
    while wanted:
        answer = region.client.batch_get_item(RequestItems=wanted)
        found.update({(item["country"], item["icao"]): item for item in answer["Responses"].get(TABLE, [])})
        wanted = answer.get("UnprocessedKeys", {})
    return found


def query(region: Region, airports: dict[tuple[str, str], Item]) -> None:
    """Query by country and by code, in a region that only received the data."""
    heading(f"4. Query in {region.name}")
    iceland = _all_pages(region, KeyConditionExpression=Key("country").eq("IS"))
    require(len(iceland) == sum(country == "IS" for country, _ in airports), "a query by country misses airports")
    say.print(f"   country = IS: {len(iceland)} airports, first {iceland[0]['icao']} {iceland[0]['name']}")
    berlin = _all_pages(region, KeyConditionExpression=Key("country").eq("DE") & Key("icao").begins_with("EDD"))
    expected = sorted(icao for country, icao in airports if country == "DE" and icao.startswith("EDD"))
    require([item["icao"] for item in berlin] == expected, "a query by code prefix is wrong or out of order")
    say.print(f"   country = DE and code begins with EDD: {', '.join(item['icao'] for item in berlin[:6])}, …")
    tokyo = region.table.get_item(Key={"country": "JP", "icao": "RJTT"})["Item"]
    say.print(f"   JP/RJTT: {tokyo['name']}, {tokyo['city']}, {tokyo['lat']}, {tokyo['lon']}")


def _all_pages(region: Region, **arguments: Any) -> list[Item]:
    pages = region.client.get_paginator("query").paginate(TableName=TABLE, ConsistentRead=True, **arguments)
    return [item for page in pages for item in page["Items"]]


def conflict(cli: Cli, regions: list[Region], airports: dict[tuple[str, str], Item]) -> None:
    """Update the same airports in two regions while the link between them is cut; heal it; see who won."""
    left, right = regions[0], regions[1]
    heading(f"5. Cut {left.name} <-> {right.name}, write the same airports on both sides, heal")
    cli.run("link", "cut", left.name, right.name, "--both")
    chosen = [key for key in airports if key[0] == "IS"][:5]
    # Told apart from what an earlier tour left behind.
    moment = time.strftime("%H:%M:%S")
    try:
        for number, (country, icao) in enumerate(chosen):
            first, second = (left, right) if number % 2 else (right, left)
            for writer in (first, second):
                _annotate(writer, country, icao, f"seen from {writer.name} at {moment}")
        before = [_note(region, *chosen[0]) for region in (left, right)]
        say.print(f"   while cut, {chosen[0][1]} reads differently: {before[0]!r} and {before[1]!r}")
        require(before[0] != before[1], "the link was cut, yet the regions agree")
    finally:
        cli.run("link", "heal", left.name, right.name, "--both")
    began = time.monotonic()
    wait_until(lambda: all(_agree(regions, key) for key in chosen), "regions to agree")
    say.print(f"   healed; all three regions agree after {time.monotonic() - began:.1f} s:")
    for number, (country, icao) in enumerate(chosen):
        winner = _note(left, country, icao)
        later = right.name if number % 2 else left.name
        require(
            winner == f"seen from {later} at {moment}", f"{icao}: {winner!r} won, but the later write was in {later}"
        )
        say.print(f"   {icao}: {winner!r} won (the later write)")


def _annotate(region: Region, country: str, icao: str, note: str) -> None:
    key = {"country": country, "icao": icao}
    region.client.update_item(
        TableName=TABLE, Key=key, UpdateExpression="SET note = :note", ExpressionAttributeValues={":note": note}
    )
    time.sleep(0.005)  # so that a person would also call the next write the later one


def _note(region: Region, country: str, icao: str) -> str:
    item = region.client.get_item(TableName=TABLE, Key={"country": country, "icao": icao}, ConsistentRead=True)["Item"]
    return str(item.get("note", ""))


def _agree(regions: list[Region], key: tuple[str, str]) -> bool:
    return len({_note(region, *key) for region in regions}) == 1


def lose_a_leader(cli: Cli, region: Region) -> None:
    """Kill the leader of a partition with SIGKILL while writes run; read back all that was acknowledged."""
    nodes = next(each["nodes"] for each in cli.status()["regions"] if each["name"] == region.name)
    victim = max(nodes, key=lambda node: len(node["leads"]))
    heading(f"6. Kill {victim['id']}, leader of partitions {victim['leads']}, under load")
    acknowledged: list[str] = []
    failed: list[str] = []
    stopping = threading.Event()
    writers = [threading.Thread(target=_write_load, args=(region, n, stopping, acknowledged, failed)) for n in range(6)]
    for writer in writers:
        writer.start()
    try:
        wait_until(lambda: len(acknowledged) > 300, "writes before the kill")
        cli.run("node", "kill", victim["id"])
        at_kill = len(acknowledged)
        wait_until(lambda: len(acknowledged) > at_kill + 1000, "writes after the kill")
    finally:
        stopping.set()
        for writer in writers:
            writer.join()
        cli.run("node", "start", victim["id"])
    lost = [key for key in acknowledged if not _is_there(region, key)]
    say.print(
        f"   {len(acknowledged):,} writes acknowledged, {len(failed)} failed visibly while a new leader was elected"
    )
    require(not lost, f"{len(lost)} acknowledged writes are lost, first {lost[:3]}")
    say.print("   every acknowledged write is there")
    for key in acknowledged + failed:
        region.client.delete_item(TableName=TABLE, Key={"country": "tour", "icao": key})


def _write_load(
    region: Region, number: int, stopping: threading.Event, acknowledged: list[str], failed: list[str]
) -> None:
    step = 0
    while not stopping.is_set():
        key = f"{number}-{step}"
        item = {"country": {"S": "tour"}, "icao": {"S": key}}
        try:
            region.once.put_item(TableName=TABLE, Item=item)
            acknowledged.append(key)
        except (ClientError, BotoCoreError):
            failed.append(key)
        step += 1


def _is_there(region: Region, key: str) -> bool:
    return "Item" in region.client.get_item(TableName=TABLE, Key={"country": "tour", "icao": key}, ConsistentRead=True)


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Poll until it holds; end the tour if it does not in two minutes."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            stop(f"waited {WAIT_SECONDS:.0f} s for {what}")
        time.sleep(0.2)


def require(holds: bool, otherwise: str) -> None:
    """End the tour with a line that says what does not hold."""
    if not holds:
        stop(otherwise)


def heading(text: str) -> None:
    """Print a part's title."""
    say.print(f"\n[bold]{text}[/bold]")


def stop(line: str) -> NoReturn:
    """End the tour with status 1."""
    say.print(f"[red]tour:[/red] {line}")
    sys.exit(1)


def _chunks(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


if __name__ == "__main__":
    sys.exit(main())
