"""The clients of the benchmark of the service sign as the service demands, and read its answers right."""

from datetime import UTC, datetime, timedelta

import pytest

from api.protocol.canonical import SignedRequest
from api.protocol.sigv4 import verify
from pipeline.errors import RequestError
from scripts.overhead.clients import Heard, Key, Signer, code_of, merged, next_token
from scripts.overhead.processes import spent

KEY = Key("AKIAEXAMPLE", "secret", "127.0.0.1", 8080)


def signed(raw: bytes) -> SignedRequest:
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    assert lines[0] == "POST / HTTP/1.1"
    assert dict(headers)["content-length"] == str(len(body))
    return SignedRequest("POST", "/", "", headers, body)


def test_what_clients_sign_is_accepted_and_with_another_secret_refused() -> None:
    request = signed(Signer(KEY).request("GetFaceDetection", '{"JobId": "é"}'))
    now, skew = datetime.now(UTC), timedelta(minutes=5)
    assert verify(request, "rekognition", {KEY.id: KEY.secret}.get, now, skew).key_id == KEY.id
    with pytest.raises(RequestError, match="does not match"):
        verify(request, "rekognition", {KEY.id: "another"}.get, now, skew)


def test_answers_are_read_without_parsing_them() -> None:
    assert next_token(b'{"JobStatus":"SUCCEEDED","NextToken":"AB-_==","Labels":[{}]}') == "AB-_=="
    assert next_token(b'{"JobStatus":"SUCCEEDED","Labels":[]}') is None
    assert code_of(b'{"__type": "X", "Code": "ThrottlingException"}') == "ThrottlingException"


def test_refusals_are_in_no_latency() -> None:
    parts = [Heard([float(number) for number in range(start, start + 50)], wall_s=2.0, cpu_s=0.5) for start in (1, 51)]
    parts[0].refused["400 ThrottlingException"] += 3
    figures = merged(parts).figures()
    assert (figures["answers"], figures["per_s"], figures["p50"], figures["p99"]) == (100, 50.0, 51.0, 100.0)
    assert (figures["refused"], figures["client_busy"]) == ({"400 ThrottlingException": 3}, 0.5)


def test_parts_that_begin_meanwhile_count_from_nothing() -> None:
    assert spent({"api": 1.0}, {"api": 1.5, "redis": 0.25}) == {"api": 0.5, "redis": 0.25}
