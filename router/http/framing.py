"""Answers as bytes on a connection. Knows HTTP/1.1's framing; refuses to know what an answer means."""

from http import HTTPStatus
from typing import Final

from router.http.messages import HttpResponse

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}


def framed(response: HttpResponse, *, method: str, keep_alive: bool) -> bytes:
    """Return `response` as it leaves; the answer to HEAD has its length but no body."""
    fields = [f"{name}: {value}\r\n" for name, value in response.headers.items()]
    connection = "keep-alive" if keep_alive else "close"
    head = (
        f"{_STATUS_LINES[response.status]}{''.join(fields)}content-length: {len(response.body)}\r\n"
        f"connection: {connection}\r\nserver: Server\r\n\r\n"
    )
    body = response.body if method != "HEAD" else b""
    return head.encode("utf-8", "surrogateescape") + body


def refusal(response: HttpResponse) -> bytes:
    """Return the answer to a request that never became whole; the connection ends with it."""
    return framed(response, method="", keep_alive=False)
