"""How requests without a good signature are refused: AWS's codes, texts, and order of checks."""

from typing import Any

import pytest
from multidict import CIMultiDict

from router.http.identity import NOBODY, Identity, claimed_identity
from router.http.messages import HttpRequest
from router.http.sigv4 import SignatureVerifier
from router.http.timestamps import parsed_ms
from tests.support.clock import ManualClock
from wire.errors import ErrorCode, StoreError

NOW = "20260101T001500Z"
SCOPE = "AKIDEXAMPLE/20260101/eu-west-1/dynamodb/aws4_request"


def _request(authorization: str | None = None, *, target: str = "/", **headers: str) -> HttpRequest:
    fields = CIMultiDict({"Host": "localhost:8000"})
    if authorization is not None:
        fields["Authorization"] = authorization
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    return HttpRequest("POST", target, fields, b"{}")


def _authorization(
    *, algorithm: str = "AWS4-HMAC-SHA256", credential: str = SCOPE, names: str = "host;x-amz-date"
) -> str:
    return f"{algorithm} Credential={credential}, SignedHeaders={names}, Signature=00"


def _refusal(request: HttpRequest, **settings: Any) -> StoreError:
    clock = ManualClock(wall_ms=parsed_ms(NOW))
    verifier = SignatureVerifier(credentials={"AKIDEXAMPLE": "secret"}, clock=clock, **settings)
    with pytest.raises(StoreError) as caught:
        verifier.verify(request)
    return caught.value


def _says(refusal: StoreError, code: ErrorCode, message: str) -> None:
    assert (refusal.code, refusal.message) == (code, message)


# No signature of any kind, or something that is not one of AWS's.
@pytest.mark.parametrize(
    ("authorization", "target"),
    [
        (None, "/"),
        ("AWS4", "/"),
        ("Basic dXNlcjpwYXNz", "/"),
        ("X", "/?X-Amz-Algorith"),
        (None, "/?X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d"),
    ],
)
def test_no_signature(authorization: str | None, target: str) -> None:
    refusal = _refusal(_request(authorization, target=target))
    _says(refusal, ErrorCode.MISSING_AUTHENTICATION_TOKEN, "Request is missing Authentication Token")


# Both ways at once: nobody could say which one counts.
def test_two_signatures() -> None:
    _says(
        _refusal(_request("X", target="/?X-Amz-Algorithm")),
        ErrorCode.INVALID_SIGNATURE,
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    )


# Everything that is missing is named, and the field is quoted.
@pytest.mark.parametrize(
    ("authorization", "headers", "missing"),
    [
        ("AWS4-", {}, ["Credential", "Signature", "SignedHeaders", "date"]),
        ("AWS4- Signature=b Credential=a", {"Date": "a"}, ["SignedHeaders"]),
        ("AWS4- Signature=b,Credential=a", {"Date": "a"}, ["SignedHeaders"]),
        ("AWS4- Signature=b, Credential=a", {"Date": "a"}, ["SignedHeaders"]),
        ("AWS4-HMAC-SHA256 Signature=, Credential=a, SignedHeaders=b", {"X_Amz_Date": "a"}, ["Signature"]),
    ],
)
def test_an_incomplete_field(authorization: str, headers: dict[str, str], missing: list[str]) -> None:
    texts = {
        name: f"Authorization header requires '{name}' parameter. "
        for name in ("Credential", "Signature", "SignedHeaders")
    }
    texts["date"] = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
    _says(
        _refusal(_request(authorization, **headers)),
        ErrorCode.INCOMPLETE_SIGNATURE,
        "".join(texts[name] for name in missing) + f"Authorization={authorization}",
    )


# A parameter without a value is a fault of its own.
def test_a_parameter_without_an_equal_sign() -> None:
    authorization = "AWS4-HMAC-SHA256 Signature=b,    Credential,    SignedHeaders"
    _says(
        _refusal(_request(authorization, X_Amz_Date=NOW)),
        ErrorCode.INCOMPLETE_SIGNATURE,
        f"'Credential' not a valid key=value pair (missing equal-sign) in Authorization header: '{authorization}'.",
    )


# A presigned URL names everything it lacks.
@pytest.mark.parametrize(
    ("target", "missing"),
    [
        (
            "/?X-Amz-Algorithm",
            ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"],
        ),
        ("/?X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d", ["X-Amz-SignedHeaders"]),
    ],
)
def test_an_incomplete_query(target: str, missing: list[str]) -> None:
    texts = "".join(f"AWS query-string parameters must include '{name}'. " for name in missing)
    _says(
        _refusal(_request(target=target)),
        ErrorCode.INCOMPLETE_SIGNATURE,
        texts + "Re-examine the query-string parameters.",
    )


# Dates that are none.
@pytest.mark.parametrize(
    "date", ["201", "2026-01-01T00:15:00Z", "20261301T000000Z", "20260101T250000Z", "²0260101T001500Z"]
)
def test_a_malformed_date(date: str) -> None:
    _says(
        _refusal(_request(_authorization(), X_Amz_Date=date)),
        ErrorCode.INCOMPLETE_SIGNATURE,
        f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601",
    )


# Too old and too new, with the times the client needs to see what its clock does.
@pytest.mark.parametrize(
    ("date", "skew_seconds", "message"),
    [
        (
            "20260101T000000Z",
            300,
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)",
        ),
        (
            "20251231T235959Z",
            900,
            "Signature expired: 20251231T235959Z is now earlier than 20260101T000000Z (20260101T001500Z - 15 min.)",
        ),
        (
            "20260101T003001Z",
            900,
            "Signature not yet current: 20260101T003001Z is still later than 20260101T003000Z "
            "(20260101T001500Z + 15 min.)",
        ),
    ],
)
def test_a_date_out_of_bounds(date: str, skew_seconds: int, message: str) -> None:
    refusal = _refusal(_request(_authorization(), X_Amz_Date=date), skew_seconds=skew_seconds)
    _says(refusal, ErrorCode.INVALID_SIGNATURE, message)


# Old clients send Date in the form of RFC 9110.
def test_a_date_in_the_form_of_http() -> None:
    refusal = _refusal(_request(_authorization(names="host;date"), Date="Thu, 01 Jan 2026 00:14:00 GMT"))
    assert refusal.message.startswith("The request signature we calculated does not match")
    refusal = _refusal(_request(_authorization(names="host;date"), Date="Wed, 31 Dec 2025 00:14:00 GMT"))
    assert refusal.message.startswith("Signature expired: 20251231T001400Z is now earlier")


# The host must be signed, or a signature could be played back to another one.
def test_an_unsigned_host() -> None:
    _says(
        _refusal(_request(_authorization(names="x-amz-date"), X_Amz_Date=NOW)),
        ErrorCode.INVALID_SIGNATURE,
        "'Host' must be a 'SignedHeader' in the AWS Authorization.",
    )


# Only one algorithm is known.
def test_another_algorithm() -> None:
    _says(
        _refusal(_request(_authorization(algorithm="AWS4-HMAC-SHA25"), X_Amz_Date=NOW)),
        ErrorCode.INCOMPLETE_SIGNATURE,
        "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). ",
    )


# A credential has five elements; slashes at its end are not counted.
def test_a_credential_with_too_few_elements() -> None:
    _says(
        _refusal(_request(_authorization(credential="a/b/c/d"), X_Amz_Date=NOW)),
        ErrorCode.INCOMPLETE_SIGNATURE,
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'",
    )


# All that is wrong with a scope is said at once, before the key is even looked for.
def test_a_scope_with_everything_wrong() -> None:
    _says(
        _refusal(_request(_authorization(credential="nobody/b/eu-west-1/s3/e"), X_Amz_Date=NOW)),
        ErrorCode.INVALID_SIGNATURE,
        "Credential should be scoped to correct service: 'dynamodb'. "
        "Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. "
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'b' != '20260101', from '{NOW}'.",
    )


# A key nobody knows.
def test_an_unknown_key() -> None:
    _says(
        _refusal(_request(_authorization(credential=SCOPE.replace("AKIDEXAMPLE", "nobody")), X_Amz_Date=NOW)),
        ErrorCode.UNRECOGNIZED_CLIENT,
        "The security token included in the request is invalid.",
    )


# A wrong signature, and ones that are not even hexadecimal or ASCII.
@pytest.mark.parametrize("signature", ["00", "0" * 64, "z" * 64, "ü" * 64, "\udcff"])
def test_a_wrong_signature(signature: str) -> None:
    authorization = _authorization().removesuffix("00") + signature
    _says(
        _refusal(_request(authorization, X_Amz_Date=NOW)),
        ErrorCode.INVALID_SIGNATURE,
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
        "and signing method. Consult the service documentation for details.",
    )


# A presigned URL may not outlive a week, nor say nonsense.
@pytest.mark.parametrize("expires", ["-1", "x", "604801", "1e3", "٣"])
def test_a_lifetime_that_cannot_be(expires: str) -> None:
    target = (
        f"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={SCOPE}&X-Amz-Date={NOW}&X-Amz-Expires={expires}"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
    )
    assert _refusal(_request(target=target)).code is ErrorCode.INCOMPLETE_SIGNATURE


# With signatures off, the region is still the one a client signed for; it costs nothing to be polite to any text.
@pytest.mark.parametrize(
    ("request_", "identity"),
    [
        (_request(_authorization()), Identity(access_key_id="AKIDEXAMPLE", region="eu-west-1")),
        (
            _request(target=f"/?X-Amz-Credential={SCOPE.replace('/', '%2F')}"),
            Identity(access_key_id="AKIDEXAMPLE", region="eu-west-1"),
        ),
        (_request(), NOBODY),
        (_request("Bearer abc"), NOBODY),
        (_request("AWS4-HMAC-SHA256 Credential=a/b"), NOBODY),
        (_request("AWS4-HMAC-SHA256 Credential=////"), NOBODY),
    ],
)
def test_the_claim_of_an_unverified_request(request_: HttpRequest, identity: Identity) -> None:
    assert claimed_identity(request_) == identity
