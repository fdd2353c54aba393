"""Metrics: plain numbers, the text made of them, and the port that tells them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.health import main as ask_health
from tests.support.logs import events
from wire.exposition import rendered
from wire.metrics import Buckets, Histogram, Reading, counter, gauge, histogram
from wire.metrics_server import CONNECTIONS_MAX, MetricsAddressError, MetricsServer

JOBS = counter("globetable_jobs_total", "Jobs done.", "outcome")
LEVEL = gauge("globetable_level", "How high it stands.")
SECONDS = histogram("globetable_job_seconds", "Duration of jobs.", "outcome")
ALL = (JOBS, LEVEL, SECONDS)


@asynccontextmanager
async def told(readings: Iterable[Reading] = (), state: str = "ready") -> AsyncIterator[MetricsServer]:
    server = MetricsServer("127.0.0.1:0", metrics=ALL, readings=lambda: readings, state=lambda: state)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def asked(server: MetricsServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(request)
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


# An observation that is exactly a bound belongs below it, as in `le`; what is beyond all bounds is still counted.
def test_histogram_counts_into_the_first_bucket_that_holds_the_value() -> None:
    seconds = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        seconds.observe(value)
    assert seconds.read() == Buckets((1.0, 2.0), (2, 1, 1), 12.0)


# What was read does not change under the thread that makes text of it.
def test_a_reading_of_a_histogram_stays_as_it_was() -> None:
    seconds = Histogram((1.0,))
    before = seconds.read()
    seconds.observe(0.5)
    assert before.counts == (0, 0)


# Prometheus's own parser reads back what was measured; buckets are cumulative there.
def test_text_says_what_was_read() -> None:
    seconds = Histogram((0.5, 2.0))
    seconds.observe(0.1)
    seconds.observe(1.0)
    readings = [Reading(JOBS, 3, ("done",)), Reading(LEVEL, 1.5), Reading(SECONDS, seconds.read(), ("done",))]
    families = {each.name: each for each in text_string_to_metric_families(rendered(ALL, readings).decode())}
    samples = [
        (each.name, each.labels, each.value)
        for name in ("globetable_jobs", "globetable_level")
        for each in families[name].samples
    ]
    assert samples == [("globetable_jobs_total", {"outcome": "done"}, 3.0), ("globetable_level", {}, 1.5)]
    assert [(each.labels.get("le"), each.value) for each in families["globetable_job_seconds"].samples] == [
        ("0.5", 1.0),
        ("2.0", 2.0),
        ("+Inf", 2.0),
        (None, 2.0),
        (None, 1.1),
    ]
    assert families["globetable_level"].documentation == "How high it stands."


# A metric that has nothing to tell yet is declared all the same; the process's own basics come with it.
def test_text_declares_everything() -> None:
    text = rendered(ALL, ()).decode()
    assert all(f"# HELP {metric.name.removesuffix('_total')}" in text for metric in ALL)
    assert "process_resident_memory_bytes " in text


# Values that a client chose may hold anything: they must not break lines.
def test_values_of_labels_are_escaped() -> None:
    text = rendered(ALL, [Reading(JOBS, 1, ('a"b\\c\nd',))]).decode()
    (sample,) = next(each for each in text_string_to_metric_families(text) if each.name == "globetable_jobs").samples
    assert sample.labels == {"outcome": 'a"b\\c\nd'}


# A reading of what was not declared, or with other labels, is a mistake of ours and stops at once.
@pytest.mark.parametrize(
    "reading", [Reading(gauge("globetable_other", ""), 1), Reading(JOBS, 1), Reading(LEVEL, Histogram().read())]
)
def test_undeclared_readings_are_refused(reading: Reading) -> None:
    with pytest.raises((KeyError, AssertionError)):
        rendered(ALL, [reading])


# What Prometheus gets: 200, its content type, the length it can rely on, and the end of the connection.
async def test_metrics_are_served() -> None:
    async with told([Reading(LEVEL, 7)]) as server:
        head, _, body = (await asked(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/plain; version=0.0.4" in head
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
    assert b"globetable_level 7.0\n" in body


# Health says ready, or in which state the process is; a health check that is a program ends with 0 or 1.
@pytest.mark.parametrize(("state", "status", "code"), [("ready", b"200", 0), ("stopping", b"503", 1)])
async def test_health_says_the_state(state: str, status: bytes, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    async with told(state=state) as server:
        answer = await asked(server, b"GET /health HTTP/1.1\r\n\r\n")
        assert answer.split(b" ")[1] == status
        url = f"http://127.0.0.1:{server.port}/health"
        assert await asyncio.to_thread(ask_health, [url]) == code
    assert capsys.readouterr().out == f"{state}\n"


# A process that waits for others is not ready, and lives: to restart it would only make it wait again.
async def test_a_process_that_is_not_ready_lives() -> None:
    async with told(state="catching up: partitions 3") as server:
        assert b" 200 " in await asked(server, b"GET /live HTTP/1.1\r\n\r\n")
        assert b" 503 " in await asked(server, b"GET /health HTTP/1.1\r\n\r\n")


# Nobody there is an answer, too, and a wrong address is told apart from it.
def test_health_check_without_anybody_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask_health(["http://127.0.0.1:1/health"]) == 1
    assert "no answer from 127.0.0.1:1" in capsys.readouterr().out
    assert [ask_health(each) for each in ([], ["127.0.0.1:1"], ["http://127.0.0.1/health"])] == [2, 2, 2]


# Other paths and methods are refused, and HEAD has no body.
@pytest.mark.parametrize(
    ("request_line", "status"),
    [("GET /", 404), ("POST /metrics", 405), ("HEAD /health", 200), ("GET /health?x=1", 200)],
)
async def test_other_questions(request_line: str, status: int) -> None:
    async with told() as server:
        answer = await asked(server, f"{request_line} HTTP/1.1\r\n\r\n".encode())
    assert int(answer.split(b" ")[1]) == status
    assert answer.endswith(b"\r\n\r\n") == request_line.startswith("HEAD")


# Whoever speaks something else, or too much, loses the connection and nothing more.
@pytest.mark.parametrize("request_bytes", [b"GET /" + b"x" * 20_000 + b"\r\n\r\n", b"\x16\x03\x01\r\n\r\n"])
async def test_nonsense_hurts_nobody(request_bytes: bytes) -> None:
    async with told() as server:
        assert b" 200 " not in await asked(server, request_bytes)
        assert b" 200 " in await asked(server, b"GET /health HTTP/1.1\r\n\r\n")


# Connections that say nothing are bounded: the next one is closed at once, and stopping waits for none of them.
async def test_silent_connections_are_bounded() -> None:
    async with told() as server:
        silent = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS_MAX + 1)]
        closed = [asyncio.ensure_future(reader.read()) for reader, _ in silent]
        done, _ = await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
        assert [each.result() for each in done] == [b""]
    await asyncio.wait(closed)
    for _, writer in silent:
        writer.close()


# A bug in what is measured must not look like a healthy process with nothing to tell.
async def test_a_scrape_that_fails_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    async with told([Reading(JOBS, 1)]) as server:
        assert b" 500 " in await asked(server, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert [each["event"] for each in events(caplog)] == ["scrape_failed"]


# An address that cannot be had is one line for the operator.
async def test_an_address_in_use_is_told() -> None:
    async with told() as server:
        second = MetricsServer(f"127.0.0.1:{server.port}", metrics=ALL, readings=tuple, state=str)
        with pytest.raises(
            MetricsAddressError, match=f"cannot listen on 127.0.0.1:{server.port} for metrics: the port is in use"
        ):
            await second.start()
    with pytest.raises(MetricsAddressError, match="--metrics 9100: expected HOST:PORT"):
        await MetricsServer("9100", metrics=ALL, readings=tuple, state=str).start()
