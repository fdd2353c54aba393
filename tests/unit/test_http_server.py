"""The server on its sockets: framing, bounds, keep-alive, stopping."""

import asyncio
import ssl
import zlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from router.http.arrival import HEAD_BYTES_MAX
from router.http.listening import ListenError, listening
from router.http.messages import HttpRequest, HttpResponse
from router.http.server import HttpServer, HttpSettings
from tests.support.http_edge import RawClient, raw_client, running, taken_port
from tests.support.tls import self_signed

SECONDS_MAX = 30.0
FOR_EVER_SECONDS = 3_600.0


async def _mirror(request: HttpRequest) -> HttpResponse:
    """Answer with what arrived."""
    return HttpResponse(200, request.body, {"x-method": request.method, "x-target": request.target})


def _post(body: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: a", *fields, b"Content-Length: %d" % len(body), b"", body])


async def _roundtrip(client: RawClient, data: bytes) -> bytes:
    await client.send(data)
    return (await client.response()).body


# One connection serves many requests; that is what SDKs count on.
async def test_keep_alive() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        assert await _roundtrip(client, _post(b"one")) == b"one"
        assert await _roundtrip(client, _post(b"two")) == b"two"


# Requests sent ahead are answered one after the other, in their order.
async def test_pipelining() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(b"".join(_post(b"%d" % i) for i in range(20)))
        assert [(await client.response()).body for _ in range(20)] == [b"%d" % i for i in range(20)]


# A body may arrive in any pieces, or in chunks without a length.
async def test_a_body_in_pieces() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        data = _post(b"abcdef")
        await client.send(data[:-4])
        assert await _roundtrip(client, data[-4:]) == b"abcdef"
        chunked = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        assert await _roundtrip(client, chunked) == b"abcde"


# Bodies are handed on as they came: their bytes are what the signature covers.
async def test_a_compressed_body_is_not_unpacked() -> None:
    packed = zlib.compress(b"{}")
    async with running(_mirror) as server, raw_client(server.port) as client:
        assert await _roundtrip(client, _post(packed, b"Content-Encoding: deflate")) == packed


# What is too large is refused before it is read, and the connection ends: there is no telling where the next request begins.
async def test_a_body_too_large_is_refused_unread() -> None:
    async with running(_mirror, HttpSettings(body_bytes_max=100)) as server:
        async with raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n")
            assert (await client.response()).status == 413
        async with raw_client(server.port) as client:
            await client.send(_post(b"x" * 101))
            assert (await client.response()).status == 413
            assert await client.closed()
        async with raw_client(server.port) as client:
            assert await _roundtrip(client, _post(b"x" * 100)) == b"x" * 100


# A chunked body has no length to look at first: it is counted as it comes.
async def test_a_chunked_body_too_large() -> None:
    async with running(_mirror, HttpSettings(body_bytes_max=100)) as server, raw_client(server.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await client.send(b"40\r\n" + b"x" * 64 + b"\r\n")
        await client.send(b"40\r\n" + b"x" * 64 + b"\r\n0\r\n\r\n")
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (413, "close")


# What is not HTTP gets one short answer, which says nothing of what runs here.
@pytest.mark.parametrize(
    "data",
    [
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"x%d: 1\r\n" % i for i in range(200)) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nX\x00: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_not_http(data: bytes) -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(data)
        response = await client.response()
        assert (response.status, response.body, response.headers["server"]) == (400, b"", "Server")
        assert await client.closed()


# One client's nonsense is nobody else's trouble.
async def test_others_are_served_while_one_is_malformed() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client, raw_client(server.port) as other:
        await other.send(b"GARBAGE\r\n\r\n")
        assert await _roundtrip(client, _post(b"fine")) == b"fine"


# A client that waits to be asked for a large body is asked.
async def test_a_client_that_expects_to_be_asked() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert await _roundtrip(client, b"abc") == b"abc"


# Old clients, and those that say so, do not keep their connection.
@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"])
async def test_a_connection_for_one_request(head: bytes) -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(head)
        assert (await client.response()).headers["connection"] == "close"
        assert await client.closed()


# HEAD has the fields of the answer, and its length, but no body.
async def test_head() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
        head, _, body = (await client.reader.read()).partition(b"\r\n\r\n")
        assert b"content-length: 3" in head
        assert body == b""


# Proxies may send the whole URL; what is signed is its path.
async def test_the_form_of_a_target_that_proxies_send() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(b"GET http://a.example/b?c=d HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert (await client.response()).headers["x-target"] == "/b?c=d"


# A large answer goes out whole, whatever the pace of the client.
async def test_a_large_answer() -> None:
    body = bytes(range(256)) * 20_000

    async def large(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, body, {})

    async with running(large) as server, raw_client(server.port) as client:
        assert await _roundtrip(client, _post(b"")) == body
        assert await _roundtrip(client, _post(b"")) == body


# Stopping lets the request in flight finish, says that the connection ends, and takes no new one.
async def test_stopping_waits_for_what_is_in_flight() -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(request: HttpRequest) -> HttpResponse:
        entered.set()
        await leave.wait()
        return HttpResponse(200, b"done", {})

    server = HttpServer(slow, HttpSettings())
    await server.start()
    async with raw_client(server.port) as client, raw_client(server.port) as idle:
        await client.send(_post(b"{}"))
        await entered.wait()
        stopping = asyncio.create_task(server.stop(FOR_EVER_SECONDS))
        assert await idle.closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        leave.set()
        response = await client.response()
        assert (response.body, response.headers["connection"]) == (b"done", "close")
        await stopping


# What does not finish in time is cut off; stopping always comes to an end.
async def test_stopping_does_not_wait_for_ever() -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def stuck(request: HttpRequest) -> HttpResponse:
        entered.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            cancelled.set()

    server = HttpServer(stuck, HttpSettings())
    await server.start()
    async with raw_client(server.port) as client:
        await client.send(_post(b"{}"))
        await entered.wait()
        await asyncio.wait_for(server.stop(0.05), SECONDS_MAX)
        assert await client.closed()
    await asyncio.wait_for(cancelled.wait(), SECONDS_MAX)


# A client that goes away in the middle of its request leaves nothing behind.
async def test_a_client_that_goes_away() -> None:
    async with running(_mirror) as server:
        async with raw_client(server.port) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        async with raw_client(server.port) as client:
            assert await _roundtrip(client, _post(b"next")) == b"next"


# A taken port is an everyday mistake, and gets one line.
async def test_a_taken_port() -> None:
    with taken_port() as holder:
        port = holder.getsockname()[1]
        server = HttpServer(_mirror, HttpSettings(port=port))
        with pytest.raises(ListenError) as caught:
            await server.start()
        assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: the port is in use"


# An address of another machine is as much of one.
async def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(ListenError, match=r"cannot listen on 203\.0\.113\.1:0: "):
        await HttpServer(_mirror, HttpSettings(host="203.0.113.1")).start()


# A predecessor and its successor share one socket: who connects in between waits in its queue, whichever of the two it is.
async def test_two_servers_on_one_socket() -> None:
    with listening("127.0.0.1", 0) as held:
        shared = HttpSettings(listener=held.dup())
        async with running(_mirror, shared) as first, running(_mirror, replace(shared, listener=held.dup())) as second:
            assert second.port == first.port
            await first.stop()
            async with raw_client(second.port) as client:
                assert await _roundtrip(client, _post(b"second")) == b"second"


# A server that is replaced answers on the connections that it has until each has had an answer that ends it.
async def test_draining() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client, raw_client(server.port) as idle:
        assert await _roundtrip(client, _post(b"before")) == b"before"
        assert await _roundtrip(idle, _post(b"before")) == b"before"
        draining = asyncio.ensure_future(server.drain(60))
        await asyncio.sleep(0)
        await client.send(_post(b"after"))
        answer = await client.response()
        assert answer.body == b"after"
        assert answer.headers["connection"] == "close"
        assert not draining.done()
        draining.cancel()


# A server can be started again after it was stopped.
async def test_stopping_twice_and_starting_again() -> None:
    server = HttpServer(_mirror, HttpSettings())
    await server.start()
    await server.stop()
    await server.stop()
    await server.start()
    async with raw_client(server.port) as client:
        assert await _roundtrip(client, _post(b"again")) == b"again"
    await server.stop()


# The same over TLS, for clients that insist on it.
async def test_tls(tmp_path: Path) -> None:
    context, certificate = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with running(_mirror, HttpSettings(tls=context)) as server:
        reader, writer = await asyncio.open_connection("localhost", server.port, ssl=trusting)
        assert await _roundtrip(RawClient(reader, writer), _post(b"secret")) == b"secret"
        writer.close()
        await writer.wait_closed()


# Processes run on another event loop than tests, whose transports are of other classes.
def test_on_the_event_loop_of_processes() -> None:
    async def served() -> None:
        async with running(_mirror) as server, raw_client(server.port) as client:
            await client.send(b"".join(_post(b"%d" % i) for i in range(200)))
            assert [(await client.response()).body for _ in range(200)] == [b"%d" % i for i in range(200)]
            await client.send(b"GARBAGE\r\n\r\n")
            assert (await client.response()).status == 400
            assert await client.closed()

    uvloop.run(served())


# Nobody here speaks the protocol that a client would rather speak: it is answered in the one it came with.
async def test_an_upgrade_is_not_taken_up() -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"
    async with running(_mirror) as server, raw_client(server.port) as client:
        assert await _roundtrip(client, _post(b"one", *upgrade)) == b"one"
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"\r\n".join(upgrade) + b"\r\n\r\n" + _post(b"two"))
        assert (await client.response()).headers["x-method"] == "GET"
        assert (await client.response()).body == b"two"


def _head(size: int, *, fields: int) -> bytes:
    """Return a request of which target and fields, each with the four bytes around it, take `size` bytes."""
    room = size - len("/") - len("Host: a\r\n")
    each, rest = divmod(room, fields)
    sizes = [each] * (fields - 1) + [each + rest]
    lines = [b"x%02d: %b\r\n" % (i, b"a" * (size - len("x00: \r\n"))) for i, size in enumerate(sizes)]
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + b"".join(lines) + b"\r\n"


# A head has 16 KiB in all, however many fields share them.
# Source: scylladb/scylladb, issue 23438, and test/alternator/test_manual_requests.py (pull request 23442): AWS answers a larger one 400,
# and so it does a long target, before it looks at the signature. Whether it counts the ends of lines could not be established.
@pytest.mark.parametrize("fields", [1, 5, 90])
async def test_a_head_has_an_end(fields: int) -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(_head(HEAD_BYTES_MAX, fields=fields) + _head(HEAD_BYTES_MAX, fields=fields))
        assert [(await client.response()).status for _ in range(2)] == [200, 200]
        await client.send(_head(HEAD_BYTES_MAX + 1, fields=fields))
        assert (await client.response()).status == 400
        assert await client.closed()


# A head that begins in the same read as the end of a large body before it is not taken for a large one.
async def test_a_head_after_a_large_body() -> None:
    body = b"a" * (HEAD_BYTES_MAX * 4)
    async with running(_mirror) as server, raw_client(server.port) as client:
        whole = _post(body) + _post(b"next")
        await client.send(whole[: -len("next\r\n\r\n")])
        assert (await client.response()).body == body
        await client.send(whole[-len("next\r\n\r\n") :])
        assert (await client.response()).body == b"next"


# A head that never ends takes no more memory than one that may be.
async def test_a_head_without_end() -> None:
    async with running(_mirror) as server, raw_client(server.port) as client:
        await client.send(b"POST / HTTP/1.1\r\nX: ")
        with suppress(ConnectionError):
            for _ in range(20):
                await client.send(b"a" * 65_536)
        assert (await client.response()).status == 400


# A request that was answered while the client still had to read it is not cut off by stopping, and
# once it has, nothing is left to wait for.
async def test_stopping_does_not_cut_off_an_answer() -> None:
    body = bytes(range(256)) * 20_000
    entered, leave = asyncio.Event(), asyncio.Event()

    async def large(request: HttpRequest) -> HttpResponse:
        entered.set()
        await leave.wait()
        return HttpResponse(200, body, {})

    server = HttpServer(large, HttpSettings())
    await server.start()
    async with raw_client(server.port) as client:
        await client.send(_post(b"{}"))
        await entered.wait()
        leave.set()
        await asyncio.sleep(0)  # the answer is under way when stopping begins
        stopping = asyncio.create_task(server.stop(FOR_EVER_SECONDS))
        assert (await client.response()).body == body
        await asyncio.wait_for(stopping, SECONDS_MAX)
