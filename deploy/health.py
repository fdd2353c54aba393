"""Ask a process how it is: `python -m deploy.health http://127.0.0.1:9100/health` ends with 0 when it is ready, else with 1.

For health checks of containers, which run every few seconds: it imports next to nothing, and needs no site-packages (`python -S`).
"""

import socket
import sys

TIMEOUT_SECONDS = 3.0
ANSWER_BYTES_MAX = 4096


def main(arguments: list[str]) -> int:
    """Ask the URL; return the exit status: 0 ready, 1 not ready or not there, 2 not a URL. One line says what was found."""
    try:
        host, port, path = _parts(arguments[0])
    except (IndexError, ValueError):
        print("usage: python -m deploy.health http://HOST:PORT/health", file=sys.stderr)
        return 2
    try:
        status, text = _asked(host, port, path)
    except OSError as error:
        print(f"no answer from {host}:{port}: {error}")
        return 1
    print(text or f"status {status}")
    return 0 if status == "200" else 1


def _parts(url: str) -> tuple[str, int, str]:
    """Take a URL apart. Raises ValueError."""
    scheme, _, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    host, _, port = authority.rpartition(":")
    if scheme != "http" or not host:
        raise ValueError(url)
    return host.strip("[]"), int(port), f"/{path}"


def _asked(host: str, port: int, path: str) -> tuple[str, str]:
    """Return the status and the text of the answer. Raises OSError."""
    answer = b""
    with socket.create_connection((host, port), TIMEOUT_SECONDS) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        while len(answer) < ANSWER_BYTES_MAX and (piece := connection.recv(ANSWER_BYTES_MAX)):
            answer += piece
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    words = head.split(" ", 2)
    return (words[1] if len(words) > 1 else ""), body.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
