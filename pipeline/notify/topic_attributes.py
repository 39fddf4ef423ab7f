"""Attributes of topics: what may be set to what, and what is shown."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.notify.access_policy import check_policy, default_policy
from pipeline.notify.policies import checked_delivery_policy, effective_policy
from pipeline.notify.refusals import invalid, worded

MAX_DISPLAY_NAME = 100
MESSAGE_BYTES = 256 * 1024
"""The longest message, unless a topic allows less."""
LEAST_MESSAGE_BYTES = 1024
FIFO = frozenset({"ArchivePolicy", "ContentBasedDeduplication", "FifoThroughputScope", "FifoTopic"})
"""Attributes that only FIFO topics have."""
AS_JSON = frozenset({"DeliveryPolicy", "Policy"})

Check = Callable[[str], object]


def checked_topic_attributes(given: Mapping[str, str]) -> dict[str, str | None]:
    """The attributes as they are stored; None: take it away.

    Raises:
        RequestError: one is unknown or has an impossible value.
    """
    stored: dict[str, str | None] = {}
    for name, value in given.items():
        if name in FIFO:
            _refuse_fifo(name, value)
        elif name not in CHECKS:
            raise worded(f"AttributeName Reason: topics have no attribute {name[:80]!r} that can be set")
        else:
            emptied = CHECKS[name](value) == {} or value == ""
            stored[name] = None if emptied and name != "DisplayName" else value
    return stored


def with_attributes(present: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a topic after a change.

    Raises:
        RequestError: as `checked_topic_attributes`.
    """
    merged = {**present, **checked_topic_attributes(given)}
    return {name: value for name, value in merged.items() if value is not None}


def shown_topic_attributes(arn: str, account: str, stored: Mapping[str, str]) -> dict[str, str]:
    """What GetTopicAttributes tells, but for the counts."""
    return {
        "TopicArn": arn,
        "Owner": account,
        "DisplayName": "",
        "SignatureVersion": "1",
        "Policy": default_policy(arn, account),
        "EffectiveDeliveryPolicy": json.dumps(effective_policy(stored).topic_wire),
        **stored,
    }


def differing(stored: Mapping[str, str], wanted: Mapping[str, str | None]) -> str | None:
    """Name of an attribute that is not as wanted; None: all are."""
    present = {"SignatureVersion": "1", "DisplayName": "", "TracingConfig": "PassThrough", **stored}
    for name, value in wanted.items():
        if not _same(name, present.get(name), value):
            return name
    return None


def _same(name: str, one: str | None, other: str | None) -> bool:
    if name not in AS_JSON or one is None or other is None:
        return one == other
    return bool(json.loads(one) == json.loads(other))


def _refuse_fifo(name: str, value: str) -> None:
    """What says that the topic is none is taken: infrastructure tools send it."""
    if value.lower() not in ("", "false"):
        raise invalid(name, "FIFO topics are not supported")


def _one_of(name: str, *allowed: str) -> Check:
    def check(value: str) -> None:
        if value not in allowed:
            raise invalid(name, f"one of {', '.join(allowed)}, not {value[:80]!r}")

    return check


def _number(name: str, least: int, most: int) -> Check:
    def check(value: str) -> None:
        if value and not (re.fullmatch("[0-9]{1,9}", value) and least <= int(value) <= most):
            raise invalid(name, f"a whole number from {least} to {most}, not {value[:80]!r}")

    return check


def _fitting(name: str, pattern: str, what: str) -> Check:
    def check(value: str) -> None:
        if value and not re.fullmatch(pattern, value):
            raise invalid(name, f"{what}, not {value[:80]!r}")

    return check


def _check_display_name(value: str) -> None:
    if len(value) > MAX_DISPLAY_NAME:
        raise invalid("DisplayName", f"longer than {MAX_DISPLAY_NAME} characters")


def _check_delivery_policy(value: str) -> Any:
    return checked_delivery_policy(value, scope="topic")


_ROLE = r"arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[\x21-\x7e]{1,512}"
_FEEDBACK: dict[str, Check] = {}
for _protocol in ("Application", "Firehose", "HTTP", "Lambda", "SQS"):
    for _kind in ("Success", "Failure"):
        _name = f"{_protocol}{_kind}FeedbackRoleArn"
        _FEEDBACK[_name] = _fitting(_name, _ROLE, "the ARN of an IAM role")
    _name = f"{_protocol}SuccessFeedbackSampleRate"
    _FEEDBACK[_name] = _number(_name, 0, 100)

CHECKS: Mapping[str, Check] = {
    "DeliveryPolicy": _check_delivery_policy,
    "DisplayName": _check_display_name,
    "KmsMasterKeyId": _fitting("KmsMasterKeyId", r"[\x21-\x7e]{1,2048}", "the ID, alias or ARN of a key"),
    # More than that AWS allows where every subscription is a queue.
    "MaximumMessageSize": _number("MaximumMessageSize", LEAST_MESSAGE_BYTES, MESSAGE_BYTES),
    "Policy": check_policy,
    "SignatureVersion": _one_of("SignatureVersion", "1", "2"),
    "TracingConfig": _one_of("TracingConfig", "PassThrough", "Active"),
    **_FEEDBACK,
}
"""Every attribute that can be set."""
