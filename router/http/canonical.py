"""The canonical form of a request, over which Signature Version 4 is computed.

Pure text work. Source: "Create a signed AWS API request" in the IAM user guide. Knows nothing of keys.
"""

import posixpath
from urllib.parse import quote, unquote_plus

from router.http.messages import Headers, HttpRequest

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_ABSENT: list[str] = []


def canonical_request(request: HttpRequest, signed_headers: tuple[str, ...], names: str, payload: str) -> bytes:
    """Return the canonical form of `request`.

    `signed_headers` are the signed fields in lower case and in their order, `names` the same joined by semicolons, and
    `payload` the hash of the body in hex, or UNSIGNED_PAYLOAD. Bytes that were not UTF-8 come out as they came in.
    """
    target = request.target
    if target == "/":
        path, query = "/", ""
    else:
        raw_path, _, raw_query = target.partition("?")
        path, query = canonical_path(raw_path), canonical_query(raw_query)
    fields = canonical_headers(request.headers, signed_headers)
    text = f"{request.method}\n{path}\n{query}\n{fields}\n{names}\n{payload}"
    return text.encode("utf-8", "surrogateescape")


def canonical_headers(headers: Headers, signed_headers: tuple[str, ...]) -> str:
    """Return one line per signed field, runs of blanks in its value made one, several values joined by commas."""
    lines = []
    for name in signed_headers:
        values = headers.getall(name, _ABSENT)
        value = values[0] if len(values) == 1 else ",".join(map(_squeezed, values))
        if "  " in value or "\t" in value:
            value = _squeezed(value)
        lines.append(f"{name}:{value}\n")
    return "".join(lines)


def _squeezed(value: str) -> str:
    return " ".join(value.split())


def canonical_path(path: str) -> str:
    """Return the escaped `path` without dot segments and doubled slashes, and escaped once more."""
    if path in {"", "/"}:
        return "/"
    plain = posixpath.normpath("/" + path.lstrip("/"))
    if path.endswith("/") and plain != "/":
        plain += "/"
    return quote(plain, safe="/-_.~", errors="surrogateescape")


def canonical_query(query: str, without: str = "") -> str:
    """Return the parameters of `query`, escaped the one canonical way and sorted, but for the one called `without`."""
    pairs = []
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            name = _reescaped(name)
            if name != without:
                pairs.append((name, _reescaped(value)))
    pairs.sort()
    return "&".join(f"{name}={value}" for name, value in pairs)


def _reescaped(text: str) -> str:
    # A plus is a blank here: botocore sends one so, and signs it as %20.
    return quote(unquote_plus(text, errors="surrogateescape"), safe="-_.~", errors="surrogateescape")


def payload_hash(request: HttpRequest, declared: str | None) -> str:
    """Return what stands for the body of `request`: its hash, or UNSIGNED_PAYLOAD when the client `declared` that."""
    if declared == UNSIGNED_PAYLOAD:
        return UNSIGNED_PAYLOAD
    return request.sha256()
