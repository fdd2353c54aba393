"""Who sent a request: AWS Signature Version 4, in the Authorization field or in the query of a presigned URL.

Knows the algorithm, the texts with which AWS refuses, and nothing of what the caller may do. The order of the checks is
AWS's, so that a request with several faults is refused for the same one.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Final
from urllib.parse import unquote_plus

from router.http.canonical import canonical_headers, canonical_path, canonical_query, canonical_request, payload_hash
from router.http.identity import Identity, query_parameters
from router.http.messages import Headers, HttpRequest
from router.http.signing_key import TERMINATOR, SigningKey, derived_key
from router.http.timestamps import basic_text, normalized, parsed_ms
from wire.clock import Clock
from wire.errors import ErrorCode, StoreError

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SERVICE: Final = "dynamodb"
CLOCK_SKEW_SECONDS: Final = 15 * 60
PRESIGNED_SECONDS_MAX: Final = 7 * 24 * 3600

# Clients remembered with their derived keys: one per access key, day, region and set of signed fields. When this many
# are known, all are forgotten and derived again.
KNOWN_CLIENTS_MAX: Final = 4096

_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_AMAZON: Final = "x-amz-"
_TOKEN: Final = "X-Amz-Security-Token"
# AWS SDK for PHP sends this field and leaves it out of the signature; nothing here reads it.
_MAY_BE_UNSIGNED: Final = "x-amz-user-agent"
_HEADER_PARAMETERS: Final = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARAMETERS: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What one client signs with: its scope, the fields it signs, and the key derived for them."""

    identity: Identity
    access_key_id: str
    secret: str
    date: str
    scope: str
    names: str
    signed_headers: tuple[str, ...]
    key: SigningKey


class _KnownClient:
    """A claim that has been verified once, prepared for the plain case of its next request."""

    __slots__ = ("_field_count", "_unsigned", "amazon_fields", "canonical", "claim", "fields", "to_sign")

    def __init__(self, claim: _Claim, headers: Headers) -> None:
        names = claim.signed_headers
        lines = "".join(f"{_escaped(name)}:%s\n" for name in names)
        self.claim = claim
        self.fields: Callable[[Headers], tuple[str, ...]] = _fields_of(names)
        self.amazon_fields = sum(name.startswith(_AMAZON) for name in names)
        sent = [name.lower() for name, _ in headers.items()]
        self._field_count = len(sent) if len(sent) == len({*sent, *names}) else 0
        self._unsigned = _fields_of(tuple(name for name in sent if name not in names))
        self.canonical = f"%s\n/\n\n{lines}\n{_escaped(claim.names)}\n%s"
        self.to_sign = f"{ALGORITHM}\n%s\n{_escaped(claim.scope)}\n%s"

    def signs_all_of_amazons(self, headers: Headers) -> bool:
        """Return whether every field of Amazon's is signed and stands once, given that every signed field is there.

        With the fields of the request that was verified, each once, it is; otherwise there have to be as many as are signed.
        """
        try:
            if len(headers) == self._field_count and self._unsigned(headers):
                return True
        except KeyError:
            pass
        return len(_amazon_names(headers)) == self.amazon_fields


def _fields_of(names: tuple[str, ...]) -> Callable[[Headers], tuple[str, ...]]:
    return itemgetter(*names) if len(names) > 1 else lambda headers: tuple(headers[name] for name in names)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


class SignatureVerifier:
    """Verify requests against known credentials."""

    def __init__(self, *, credentials: Mapping[str, str], clock: Clock, skew_seconds: int = CLOCK_SKEW_SECONDS) -> None:
        self._credentials = credentials
        self._clock = clock
        self._skew_seconds = skew_seconds
        self._known: dict[str, _KnownClient] = {}
        self._date = ""  # the last date seen and what it meant: clients of one second share it
        self._date_ms = 0

    def verify(self, request: HttpRequest) -> Identity:
        """Return who sent `request`.

        Raises StoreError with AWS's code and text when the signature is missing, incomplete, expired or wrong.
        """
        if request.target != "/" or (authorization := request.headers.get("Authorization")) is None:
            authorization, parameters = _signed_by(request)
            if authorization is None:
                return self._verify_query(request, parameters)
        return self._verify_header(request, authorization)

    def require_claim(self, head: HttpRequest) -> None:
        """Return when nothing but the signature itself, for which the body is needed, can be wrong with a request.

        Raises StoreError as `verify` does.
        """
        authorization, parameters = _signed_by(head)
        date = head.headers.get("X-Amz-Date")
        if authorization is None:
            self._claim_of_query(head, parameters)
        elif date is not None and authorization.rpartition("Signature=")[0] in self._known:
            self._require_current(date)  # the rest was in order before, and `verify` looks at it again
        else:
            self._claim_of(head, authorization)

    # The Authorization field.

    def _verify_header(self, request: HttpRequest, authorization: str) -> Identity:
        text, _, tail = authorization.rpartition("Signature=")
        known = self._known.get(text)
        if known is not None and self._is_plainly_signed(request, known, tail):
            return known.claim.identity
        _signed_by(request)  # which refuses what is no signature
        claim, signature, date = self._claim_of(request, authorization)
        payload = payload_hash(request, request.headers.get("X-Amz-Content-SHA256"))
        canonical = canonical_request(request, claim.signed_headers, claim.names, payload)
        _require_signature(claim, date, canonical, signature)
        # Only where the signature comes last does the text before it say everything else.
        if signature == tail:
            self._remember(text, claim, request.headers)
        return claim.identity

    def _is_plainly_signed(self, request: HttpRequest, known: _KnownClient, signature: str) -> bool:
        """Return whether `request` is a client's plain next one: path "/", nothing to squeeze or join, rightly signed.

        False decides nothing: the exact way has the last word. Of Amazon's fields each is signed and stands once; another field
        sent twice counts with its first value here, and so it does for everybody who reads it.
        """
        claim, headers = known.claim, request.headers
        date = headers.get("X-Amz-Date")
        if date is None or request.target != "/" or self._credentials.get(claim.access_key_id) != claim.secret:
            return False
        self._require_current(date)
        if date[:8] != claim.date or not known.signs_all_of_amazons(headers):
            return False
        try:
            fields = known.fields(headers)
            canonical = (known.canonical % (request.method, *fields, request.sha256())).encode()
        except (KeyError, UnicodeEncodeError):
            return False
        to_sign = (known.to_sign % (date, hashlib.sha256(canonical).hexdigest())).encode()
        return hmac.compare_digest(claim.key.signature(to_sign).encode(), signature.encode("utf-8", "surrogateescape"))

    def _remember(self, text: str, claim: _Claim, headers: Headers) -> None:
        if len(self._known) >= KNOWN_CLIENTS_MAX:
            self._known.clear()
        self._known[text] = _KnownClient(claim, headers)

    def _claim_of(self, request: HttpRequest, authorization: str) -> tuple[_Claim, str, str]:
        """Return claim, signature and date of a request not seen before, all checked but the signature."""
        parameters = _header_parameters(authorization)
        date = request.headers.get("X-Amz-Date") or request.headers.get("Date")
        missing = [
            f"Authorization header requires '{name}' parameter. "
            for name in _HEADER_PARAMETERS
            if not parameters.get(name)
        ]
        if not date:
            missing.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
        if missing or not date:
            raise _incomplete("".join(missing) + f"Authorization={authorization}")
        date = normalized(date)
        self._require_current(date)
        algorithm = authorization.split(maxsplit=1)[0]
        claim = self._claim(algorithm, parameters["Credential"], parameters["SignedHeaders"], date)
        _require_signed_once(request, claim.signed_headers)
        _require_no_token(request.headers.get(_TOKEN))
        return claim, parameters["Signature"], date

    # The query of a presigned URL.

    def _verify_query(self, request: HttpRequest, parameters: dict[str, str]) -> Identity:
        claim, date = self._claim_of_query(request, parameters)
        payload = payload_hash(
            request, parameters.get("X-Amz-Content-SHA256") or request.headers.get("X-Amz-Content-SHA256")
        )
        path, _, query = request.target.partition("?")
        fields = canonical_headers(request.headers, claim.signed_headers)
        signed_query = canonical_query(query, without="X-Amz-Signature")
        canonical = f"{request.method}\n{canonical_path(path)}\n{signed_query}\n{fields}\n{claim.names}\n{payload}"
        _require_signature(claim, date, canonical.encode("utf-8", "surrogateescape"), parameters["X-Amz-Signature"])
        return claim.identity

    def _claim_of_query(self, request: HttpRequest, parameters: dict[str, str]) -> tuple[_Claim, str]:
        """Return claim and date of a presigned URL, all checked but the signature."""
        missing = [
            f"AWS query-string parameters must include '{name}'. "
            for name in _QUERY_PARAMETERS
            if not parameters.get(name)
        ]
        if missing:
            raise _incomplete("".join(missing) + "Re-examine the query-string parameters.")
        date = normalized(parameters["X-Amz-Date"])
        self._require_current(date, _lifetime_seconds(parameters.get("X-Amz-Expires"), self._skew_seconds))
        claim = self._claim(
            parameters["X-Amz-Algorithm"], parameters["X-Amz-Credential"], parameters["X-Amz-SignedHeaders"], date
        )
        _require_signed_once(request, claim.signed_headers)
        _require_no_token(request.headers.get(_TOKEN) or parameters.get(_TOKEN))
        return claim, date

    # What both have in common.

    def _require_current(self, date: str, lifetime_seconds: int | None = None) -> None:
        if date != self._date:
            self._date_ms = parsed_ms(date)
            self._date = date
        before = self._skew_seconds if lifetime_seconds is None else lifetime_seconds
        now_ms = self._clock.wall_ms()
        if self._date_ms < now_ms - before * 1000:
            bound, now = basic_text(now_ms - before * 1000), basic_text(now_ms)
            raise _invalid(f"Signature expired: {date} is now earlier than {bound} ({now} - {before / 60:g} min.)")
        if self._date_ms > now_ms + self._skew_seconds * 1000:
            bound, now = basic_text(now_ms + self._skew_seconds * 1000), basic_text(now_ms)
            window = f"{now} + {self._skew_seconds / 60:g} min."
            raise _invalid(f"Signature not yet current: {date} is still later than {bound} ({window})")

    def _claim(self, algorithm: str, credential: str, names: str, date: str) -> _Claim:
        signed_headers = tuple(names.lower().split(";"))
        if "host" not in signed_headers:
            raise _invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.")
        if algorithm != ALGORITHM:
            raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). ")
        pieces = credential.rstrip("/").split("/")
        if len(pieces) != 5:
            raise _incomplete(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
                f"got '{credential}'"
            )
        access_key_id, day, region, service, terminator = pieces
        _require_scope(day, service, terminator, date)
        secret = self._credentials.get(access_key_id)
        if secret is None:
            raise _unrecognized()
        return _Claim(
            identity=Identity(access_key_id=access_key_id, region=region),
            access_key_id=access_key_id,
            secret=secret,
            date=day,
            scope=f"{day}/{region}/{service}/{terminator}",
            names=names.lower(),
            signed_headers=signed_headers,
            key=derived_key(secret, day, region, SERVICE),
        )


def _signed_by(request: HttpRequest) -> tuple[str | None, dict[str, str]]:
    """Return the Authorization field, or None where the parameters that are returned beside it carry the signature."""
    authorization = request.headers.get("Authorization")
    query = request.target.partition("?")[2]
    parameters = query_parameters(query) if query else {}
    if "X-Amz-Algorithm" in parameters:
        if authorization is not None:
            raise _invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
        return None, parameters
    if authorization is None or not authorization.lstrip().startswith("AWS4-"):
        raise StoreError(ErrorCode.MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token")
    return authorization, parameters


def _header_parameters(authorization: str) -> dict[str, str]:
    """Return the parameters of an Authorization field; AWS takes commas and blanks between them alike."""
    parameters: dict[str, str] = {}
    for part in authorization.replace(",", " ").split()[1:]:
        name, equals, value = part.partition("=")
        if not equals:
            raise _incomplete(
                f"'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'."
            )
        parameters[name] = value
    return parameters


def _lifetime_seconds(expires: str | None, default: int) -> int:
    if expires is None:
        return default
    if not _SECONDS.fullmatch(expires) or int(expires) > PRESIGNED_SECONDS_MAX:
        raise _incomplete(
            f"X-Amz-Expires must be a number of seconds between 0 and {PRESIGNED_SECONDS_MAX}, got '{expires}'"
        )
    return int(expires)


def _require_scope(day: str, service: str, terminator: str, date: str) -> None:
    faults = []
    if service != SERVICE:
        faults.append(f"Credential should be scoped to correct service: '{SERVICE}'. ")
    if terminator != TERMINATOR:
        faults.append(f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. ")
    if day != date[:8]:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{day}' != '{date[:8]}', from '{date}'."
        )
    if faults:
        raise _invalid("".join(faults).rstrip())


def _require_signed_once(request: HttpRequest, signed_headers: tuple[str, ...]) -> None:
    """Refuse what asks something of AWS beside the signature, or in two ways of which only one would be looked at.

    Of the fields those that begin with x-amz- must be signed. Of the query all is, but its names must be told apart.
    """
    for name, count in Counter(map(str.lower, _amazon_names(request.headers))).items():
        if name not in signed_headers and name != _MAY_BE_UNSIGNED:
            raise _invalid(f"'{name.title()}' must be a 'SignedHeader' in the AWS Authorization.")
        if count > 1:
            raise _invalid(f"'{name.title()}' must be present once, found {count} of it.")
    for name, count in Counter(_query_names(request.target.partition("?")[2])).items():
        if count > 1 and name.startswith(_AMAZON):
            raise _invalid(f"'{name.title()}' must be present once in the query-string, found {count} of it.")


def _require_no_token(token: str | None) -> None:
    """Refuse the token of a session: there are none here, so nobody issued it. An empty one is none."""
    if token:
        raise _unrecognized()


def _amazon_names(headers: Headers) -> list[str]:
    return [name for name, _ in headers.items() if name[:6].lower() == _AMAZON]


def _query_names(query: str) -> list[str]:
    return [unquote_plus(part.partition("=")[0]).lower() for part in query.split("&")]


def _require_signature(claim: _Claim, date: str, canonical: bytes, signature: str) -> None:
    to_sign = f"{ALGORITHM}\n{date}\n{claim.scope}\n{hashlib.sha256(canonical).hexdigest()}"
    expected = claim.key.signature(to_sign.encode("utf-8", "surrogateescape"))
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape")):
        raise _invalid(_MISMATCH)


def _unrecognized() -> StoreError:
    return StoreError(ErrorCode.UNRECOGNIZED_CLIENT, "The security token included in the request is invalid.")


def _invalid(message: str) -> StoreError:
    return StoreError(ErrorCode.INVALID_SIGNATURE, message)


def _incomplete(message: str) -> StoreError:
    return StoreError(ErrorCode.INCOMPLETE_SIGNATURE, message)
