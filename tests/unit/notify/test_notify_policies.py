"""Delivery and redrive policies: what is refused, and what applies."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RequestError
from pipeline.notify.policies import (
    DEFAULT_CONTENT_TYPE,
    Scope,
    checked_delivery_policy,
    checked_redrive_policy,
    effective_policy,
)
from pipeline.notify.retry import RetryPolicy

GUIDE = {
    "minDelayTarget": 1,
    "maxDelayTarget": 60,
    "numRetries": 50,
    "numNoDelayRetries": 3,
    "numMinDelayRetries": 2,
    "numMaxDelayRetries": 35,
    "backoffFunction": "exponential",
}
"""The example of the developer guide."""


def checked(policy: Any, scope: Scope = "subscription") -> dict[str, Any]:
    return checked_delivery_policy(json.dumps(policy), scope=scope)


@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        ("numRetries", 101, "numRetries: must be less than or equal to 100, not 101"),
        ("numRetries", -1, "numRetries: must be greater than or equal to 0, not -1"),
        ("numRetries", 2.5, "numRetries: a whole number, not 2.5"),
        ("numRetries", True, "numRetries: a whole number, not true"),
        ("numRetries", "3", 'numRetries: a whole number, not "3"'),
        ("numRetries", float("nan"), "numRetries: a whole number, not NaN"),
        ("minDelayTarget", 0, "minDelayTarget: must be greater than or equal to 1, not 0"),
        ("maxDelayTarget", 3601, "maxDelayTarget: must be less than or equal to 3600, not 3601"),
        ("minDelayTarget", 30, "maxDelayTarget: must be greater than or equal to minDelayTarget; 20 is less than 30"),
        ("numNoDelayRetries", 4, "numMaxDelayRetries; 3 is less than 4"),
        ("maxDelayTarget", 3600, "healthyRetryPolicy: the delays add up to 5430 s; at most 3600 s are allowed"),
        ("backoffFunction", "cubic", 'backoffFunction: one of linear, arithmetic, geometric, exponential, not "cubic"'),
        ("backoffFunction", ["linear"], "backoffFunction: one of .*, not ..linear"),
        ("retries", 1, 'there is no member "retries"'),
    ],
)
def test_limits_of_the_retry_policy(member: str, value: object, reason: str) -> None:
    for scope, wrap in (
        ("subscription", lambda one: {"healthyRetryPolicy": one}),
        ("topic", lambda one: {"http": {"defaultHealthyRetryPolicy": one}}),
    ):
        with pytest.raises(RequestError, match=f"(?i){reason}") as caught:
            checked(wrap({member: value}), scope)  # type: ignore[arg-type]
        assert caught.value.code == "InvalidParameter"
        assert caught.value.message.startswith("Invalid parameter: DeliveryPolicy Reason: ")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"throttlePolicy": {"maxReceivesPerSecond": 0}}, "throttlePolicy.maxReceivesPerSecond: must be greater"),
        ({"throttlePolicy": 5}, "throttlePolicy: a JSON object, not 5"),
        ({"requestPolicy": {"headerContentType": "video/mp4"}}, 'headerContentType: one of .* not "video/mp4"'),
        ({"requestPolicy": {"headerContentType": "text/plain\r\nX-Evil: 1"}}, "headerContentType"),
        ({"requestPolicy": {"headerContentType": "text/plain;\r\ncharset=utf-8"}}, "headerContentType"),
        ({"http": {}}, 'there is no member "http"'),
        ({"guaranteed": True}, "guaranteed: not supported"),
        ([], r"a JSON object is expected, not \[\]"),
        ("text", "a JSON object is expected"),
    ],
)
def test_other_sections(policy: Any, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        checked(policy)


@pytest.mark.parametrize("text", ["{", "{}}", "[" * 100_000, '{"healthyRetryPolicy":' + "9" * 5000])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="DeliveryPolicy Reason: failed to parse JSON"):
        checked_delivery_policy(text, scope="topic")


def test_what_sns_shows_may_be_sent_back() -> None:
    effective = effective_policy({}, {})
    assert checked(effective.subscription_wire) == effective.subscription_wire
    assert checked(effective.topic_wire, "topic") == effective.topic_wire
    assert checked_delivery_policy("", scope="topic") == {}


def test_the_default_is_that_of_sns() -> None:
    assert effective_policy({}).topic_wire == {
        "http": {
            "defaultHealthyRetryPolicy": {
                "minDelayTarget": 20,
                "maxDelayTarget": 20,
                "numRetries": 3,
                "numMaxDelayRetries": 0,
                "numNoDelayRetries": 0,
                "numMinDelayRetries": 0,
                "backoffFunction": "linear",
            },
            "disableSubscriptionOverrides": False,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }
    }


def stored(policy: object, **more: str) -> dict[str, str]:
    return {"DeliveryPolicy": json.dumps(policy), **more}


def test_a_subscription_overrides_its_topic_section_by_section() -> None:
    topic = {"defaultHealthyRetryPolicy": GUIDE, "defaultThrottlePolicy": {"maxReceivesPerSecond": 10}}
    assert effective_policy(stored({"http": topic})).retry == RetryPolicy(1, 60, 50, 3, 2, 35, "exponential")
    own = stored({"healthyRetryPolicy": {"numRetries": 7}, "throttlePolicy": None})
    policy = effective_policy(stored({"http": topic}), own)
    assert policy.retry == RetryPolicy(retries=7)
    assert policy.per_s == 10
    closed = stored({"http": {**topic, "disableSubscriptionOverrides": True}})
    assert effective_policy(closed, own).retry.retries == 50
    assert effective_policy(closed).topic_wire["http"]["disableSubscriptionOverrides"] is True


@pytest.mark.parametrize(
    ("given", "raw", "header"),
    [
        ("application/json", "false", "application/json"),
        ("application/json", "true", "application/json"),
        ("application/json; charset=utf-8", "true", "application/json; charset=UTF-8"),
        ("text/plain", "false", "text/plain; charset=UTF-8"),
        ("text/csv", "true", "text/csv; charset=UTF-8"),
        ("application/xml", "true", "application/xml"),
        ("application/xml", "false", DEFAULT_CONTENT_TYPE),
        (None, "true", DEFAULT_CONTENT_TYPE),
    ],
)
def test_content_types(given: str | None, raw: str, header: str) -> None:
    policy = {"requestPolicy": {"headerContentType": given}}
    assert checked(policy) == policy
    assert effective_policy({}, stored(policy, RawMessageDelivery=raw)).content_type == header


def test_redrive_policies() -> None:
    arn = "arn:aws:sqs:us-east-1:111122223333:dead"
    assert checked_redrive_policy(json.dumps({"deadLetterTargetArn": arn})) == {"deadLetterTargetArn": arn}
    assert checked_redrive_policy("") == {}
    for policy in (
        {"deadLetterTargetArn": "arn:aws:sns:us-east-1:111122223333:dead"},
        {"deadLetterTargetArn": arn + ".fifo"},
        {"deadLetterTargetArn": arn + "/../x"},
        {"deadLetterTargetArn": arn + "\n"},
        {"deadLetterTargetArn": 5},
        {"deadLetterTargetArn": arn, "maxReceiveCount": 3},
        {"other": arn},
    ):
        with pytest.raises(RequestError, match="RedrivePolicy Reason: "):
            checked_redrive_policy(json.dumps(policy))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = st.sampled_from([*GUIDE, "maxReceivesPerSecond", "headerContentType", "guaranteed"])
SECTIONS = st.sampled_from(["healthyRetryPolicy", "throttlePolicy", "requestPolicy", "sicklyRetryPolicy", "guaranteed"])


@given(st.dictionaries(SECTIONS, ANY_JSON | st.dictionaries(MEMBERS, st.integers(-5, 105) | ANY_JSON)))
def test_whatever_is_accepted_can_be_used(policy: dict[str, Any]) -> None:
    try:
        accepted = checked(policy)
    except RequestError:
        return
    effective = effective_policy({}, stored(accepted))
    assert 0 <= effective.retry.total_s <= 3600
    assert effective.retry.delay(effective.retry.retries + 1) is None
    assert effective.per_s is None or effective.per_s >= 1
    assert "\n" not in effective.content_type
