"""Requests that once were answered as faults of ours; `scripts/fuzz_api.py` found them."""

from datetime import UTC, datetime, timedelta

import pytest

from api.protocol.canonical import SignedRequest
from api.protocol.query import parse, sns_model
from api.protocol.sigv4 import verify
from pipeline.errors import RequestError


@pytest.mark.parametrize("name", ["TopicArn..x", "TopicArn.", ".TopicArn", "", "...", "TopicArn..entry.1.key"])
def test_fields_with_empty_names_are_nobodys(name: str) -> None:
    shape = sns_model().operation_model("ListSubscriptionsByTopic").input_shape
    assert parse(shape, {"TopicArn": "arn", name: "odd"}) == {"TopicArn": "arn"}
    with pytest.raises(RequestError, match="TopicArn"):
        parse(shape, {name: "odd"})


@pytest.mark.parametrize(
    ("date", "day"), [("00010101T000000Z", "10101"), ("00010101T000000Z", "00010101"), ("99991231T235959Z", "99991231")]
)
def test_dates_at_the_ends_of_the_calendar_are_refused(date: str, day: str) -> None:
    authorization = f"AWS4-HMAC-SHA256 Credential=KEY/{day}/us-east-1/sns/aws4_request, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    headers = [("host", "here"), ("x-amz-date", date), ("authorization", authorization)]
    request = SignedRequest("POST", "/", "", headers, b"")
    with pytest.raises(RequestError) as refused:
        verify(request, "sns", lambda _: "secret", datetime(2026, 11, 21, tzinfo=UTC), timedelta(minutes=5))
    assert refused.value.code == "InvalidSignatureException"
