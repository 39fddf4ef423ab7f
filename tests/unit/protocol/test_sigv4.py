"""Verification of signatures, with botocore as the signer."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.protocol.canonical import SignedRequest
from api.protocol.sigv4 import verify
from pipeline.errors import RequestError

KEY, SECRET = "AKIAEXAMPLEEXAMPLE22", "s3cr3t/s3cr3t+s3cr3t"
SKEW = timedelta(minutes=5)
UNRESERVED = "abcXYZ019-._~"
ODD = UNRESERVED + " +&=/%?#*()!$'é☃\t"
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def signed(
    url: str = "http://video.example:8080/",
    body: bytes = b"{}",
    headers: dict[str, str] | None = None,
    signer: type = SigV4Auth,
    service: str = "rekognition",
    params: dict[str, str] | None = None,
    secret: str = SECRET,
    token: str | None = None,
) -> SignedRequest:
    """The request as a server sees it after botocore has signed it and its HTTP client has sent it."""
    given_headers = {"X-Amz-Target": "RekognitionService.ListFaces", **(headers or {})}
    request = AWSRequest("POST", url, given_headers, body, params or {})
    options = {"expires": 600} if signer is SigV4QueryAuth else {}
    signer(Credentials(KEY, secret, token), service, "us-east-1", **options).add_auth(request)
    sent = request.prepare()
    parts = urlsplit(sent.url)
    host = [] if "host" in {k.lower() for k in sent.headers} else [("host", parts.netloc)]
    fields = [(k.lower(), v.decode() if isinstance(v, bytes) else str(v)) for k, v in sent.headers.items()]
    return SignedRequest("POST", parts.path, parts.query, fields + host, sent.body or b"")


def check(
    request: SignedRequest, now: datetime | None = None, service: str = "rekognition", hosts: tuple[str, ...] = ()
) -> str:
    secrets = {KEY: SECRET}
    return verify(request, service, secrets.get, now or datetime.now(UTC), SKEW, hosts).key_id


def refused(request: SignedRequest, **options: object) -> RequestError:
    with pytest.raises(RequestError) as refusal:
        check(request, **options)
    assert SECRET not in refusal.value.message
    return refusal.value


def changed(request: SignedRequest, **members: object) -> SignedRequest:
    return SignedRequest(**{name: members.get(name, getattr(request, name)) for name in SignedRequest.__slots__})


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    kept = [(n, v) for n, v in request.headers if n != name]
    return changed(request, headers=kept if value is None else [*kept, (name, value)])


@FEW
@given(
    path=st.lists(st.sampled_from(["a", "", ".", "..", "a%20b", "%C3%A9", "~", "x*y", "a:b"]), max_size=5),
    params=st.dictionaries(st.text(ODD, min_size=1, max_size=6), st.text(ODD, max_size=6), max_size=4),
    header=st.text(ODD.replace("\t", ""), max_size=12).map(str.strip),
    body=st.binary(max_size=40),
    signer=st.sampled_from([SigV4Auth, SigV4QueryAuth]),
)
def test_what_botocore_signs_is_accepted(path, params, header, body, signer) -> None:
    url = "http://video.example/" + "/".join(path)
    body = b"" if signer is SigV4QueryAuth else body
    request = signed(url, body, {"X-Odd": f"  {header}   {header} "}, signer, params=params)
    assert check(request) == KEY


@FEW
@given(query=st.text("ab=&*()'!,;:@$%7E-._~+", max_size=16))
def test_a_query_is_accepted_as_botocore_leaves_it_in_a_url(query: str) -> None:
    assert check(signed(f"http://video.example/?{query}")) == KEY


@pytest.mark.parametrize(
    "url", ["http://video.example:8080/", "http://video.example/", "https://video.example/", "http://[::1]:8080/"]
)
@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_the_host_is_what_the_client_has_called(url: str, signer: type) -> None:
    assert check(signed(url, b"", signer=signer)) == KEY


def test_a_reverse_proxy_may_put_its_own_host_when_the_public_one_is_configured() -> None:
    request = with_header(signed("https://video.example/"), "host", "127.0.0.1:8080")
    assert refused(request).code == "InvalidSignatureException"
    assert check(request, hosts=("video.example",)) == KEY


def test_a_date_header_serves_in_place_of_x_amz_date() -> None:
    request = signed(headers={"Date": "any, botocore puts the right one"})
    assert request.header("x-amz-date") is None
    assert check(request) == KEY


@pytest.mark.parametrize(
    "change",
    [
        {"method": "GET"},
        {"path": "/other"},
        {"query": "a=b"},
        {"body": b'{"MaxResults":1}'},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_every_part_of_the_request_is_bound(change: dict[str, object], signer: type) -> None:
    request = signed(body=b"", signer=signer)
    if "query" in change:
        change = {"query": f"{request.query}&a=b".strip("&")}
    assert refused(changed(request, **change)).code == "InvalidSignatureException"


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_a_plus_sign_cannot_be_made_a_space(signer: type) -> None:
    request = signed(body=b"", signer=signer, params={"Subject": "1+1"})
    assert "Subject=1%2B1" in request.query
    assert check(request) == KEY
    query = request.query.replace("1%2B1", "1+1")
    assert refused(changed(request, query=query)).code == "InvalidSignatureException"


@pytest.mark.parametrize("name", ["host", "x-amz-target"])
@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_headers_that_decide_the_meaning_are_bound(name: str, signer: type) -> None:
    request = signed(body=b"", signer=signer)
    assert refused(with_header(request, name, "other.example")).code == "InvalidSignatureException"
    assert refused(with_header(request, name, None)).code == "InvalidSignatureException"


def test_a_target_that_is_not_signed_is_refused() -> None:
    request = AWSRequest("POST", "http://video.example/", {}, b"{}")
    SigV4Auth(Credentials(KEY, SECRET), "rekognition", "us-east-1").add_auth(request)
    fields = [(k.lower(), v) for k, v in request.headers.items()]
    target = ("x-amz-target", "RekognitionService.DeleteCollection")
    late = SignedRequest("POST", "/", "", [*fields, ("host", "video.example"), target], b"{}")
    assert "x-amz-target must be signed" in refused(late).message


@pytest.mark.parametrize("signer", [SigV4Auth, SigV4QueryAuth])
def test_an_unknown_key_and_a_session_token_are_refused(signer: type) -> None:
    request = signed(body=b"", signer=signer)
    with pytest.raises(RequestError) as refusal:
        verify(request, "rekognition", {}.get, datetime.now(UTC), SKEW)
    assert refusal.value.code == "UnrecognizedClientException"
    assert refused(signed(body=b"", signer=signer, token="session")).code == "UnrecognizedClientException"


def test_a_wrong_secret_is_refused() -> None:
    error = refused(signed(secret="wrong"))
    assert (error.code, error.message[:41]) == (
        "InvalidSignatureException",
        "The request signature we calculated does ",
    )


def test_the_clock_may_differ_by_the_skew_and_no_more() -> None:
    request, now = signed(), datetime.now(UTC)
    assert check(request, now + SKEW - timedelta(seconds=10)) == KEY
    assert check(request, now - SKEW + timedelta(seconds=10)) == KEY
    late, early = refused(request, now=now + SKEW * 2), refused(request, now=now - SKEW * 2)
    assert late.code == early.code == "InvalidSignatureException"
    assert late.message.startswith("Signature expired: ")
    assert late.message.endswith(" - 5 min.)")
    assert early.message.startswith("Signature not yet current: ")


def test_a_presigned_request_is_good_until_it_expires() -> None:
    request, now = signed(body=b"", signer=SigV4QueryAuth), datetime.now(UTC)
    assert check(request, now + timedelta(seconds=590)) == KEY
    assert refused(request, now=now + timedelta(seconds=610)).message.startswith("Signature expired: ")


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "soon", "9999999"])
def test_a_presigned_request_lives_a_week_at_most(expires: str) -> None:
    request = signed(body=b"", signer=SigV4QueryAuth)
    query = request.query.replace("X-Amz-Expires=600", f"X-Amz-Expires={expires}")
    assert refused(changed(request, query=query)).code == "IncompleteSignatureException"


@pytest.mark.parametrize("claim", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "0" * 64, "☃"])
def test_a_body_is_never_unsigned(claim: str) -> None:
    request = signed(headers={"X-Amz-Content-SHA256": claim})
    assert refused(request).code == "InvalidSignatureException"


def test_no_signature_at_all() -> None:
    error = refused(SignedRequest("POST", "/", "", [("host", "video.example")], b"{}"))
    assert (error.code, error.message) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("Bearer abc", "AWS4-HMAC-SHA256"),
        (
            "AWS4-HMAC-SHA256 Credential=a\0/b/c/d/aws4_request, Signature=" + "0" * 64 + ", SignedHeaders=host",
            "Credential must",
        ),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request", "requires 'Signature' parameter"),
        ("AWS4-HMAC-SHA256 Credential=a, Signature=" + "0" * 64 + ", SignedHeaders=host", "Credential must have"),
        (
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, Signature=" + "0" * 64 + ", SignedHeaders=host",
            "Credential must have",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=é/b/c/d/aws4_request, Signature=" + "0" * 64 + ", SignedHeaders=host",
            "Credential must",
        ),
        ("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, Signature=XYZ, SignedHeaders=host", "64 lower-case"),
    ],
)
def test_an_incomplete_header_says_what_it_lacks(header: str, says: str) -> None:
    error = refused(with_header(signed(), "authorization", header))
    assert error.code == "IncompleteSignatureException"
    assert says in error.message


def test_a_header_without_any_date_says_so() -> None:
    assert "'X-Amz-Date' or a 'Date' header" in refused(with_header(signed(), "x-amz-date", None)).message


@pytest.mark.parametrize("date", ["yesterday", "2026-11-21T00:00:00Z", "20261399T000000Z", "2026111T00000Z"])
def test_a_date_must_be_one(date: str) -> None:
    assert refused(with_header(signed(), "x-amz-date", date)).code == "IncompleteSignatureException"


def test_a_signature_is_for_one_service() -> None:
    request = signed(service="sns")
    assert refused(request).message == "Credential should be scoped to correct service: 'rekognition'."
    assert check(request, service="sns") == KEY


def test_two_signatures_are_one_too_many() -> None:
    request = signed(body=b"", signer=SigV4QueryAuth)
    assert refused(with_header(request, "authorization", "AWS4-HMAC-SHA256 x")).code == "IncompleteSignatureException"


@FEW
@given(header=st.text(max_size=200), query=st.text(ODD + "X-Amz-Algorithm", max_size=60))
def test_rubbish_is_refused_by_name(header: str, query: str) -> None:
    raw = header.encode(errors="replace") + b"\xff"
    request = with_header(signed(), "authorization", raw.decode(errors="surrogateescape"))
    assert refused(changed(request, query=query)).code.endswith("SignatureException")


def test_bytes_that_are_not_utf8_are_signed_as_they_are() -> None:
    odd = b"\xff\xfe".decode(errors="surrogateescape")
    request = changed(signed(), query=f"a={odd}", path=f"/{odd}")
    assert refused(with_header(request, "x-amz-content-sha256", odd)).code == "InvalidSignatureException"
    assert refused(request).code == "InvalidSignatureException"


def test_nothing_secret_is_shown() -> None:
    request = signed()
    assert "Signature=" not in repr(request)
