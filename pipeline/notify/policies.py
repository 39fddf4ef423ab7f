"""Delivery and redrive policies: checked where they are set, and merged for a delivery."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.errors import RequestError
from pipeline.notify.retry import BACKOFFS, DEFAULT_RETRY, RetryPolicy

Scope = Literal["topic", "subscription"]

MAX_RETRIES = 100
MAX_DELAY_S = 3600
MAX_TOTAL_S = 3600
"""Source of the limits: Amazon SNS Developer Guide, "Message delivery retries"."""
MAX_PER_S = 100_000
DEFAULT_CONTENT_TYPE = "text/plain; charset=UTF-8"
ENVELOPE_TYPES = frozenset({"text/plain", "application/json"})
"""Content types that an SNS envelope is sent with."""
RAW_TYPES = ENVELOPE_TYPES | {
    "application/atom+xml",
    "application/octet-stream",
    "application/soap+xml",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
    "text/css",
    "text/csv",
    "text/html",
    "text/xml",
}
"""Content types of raw messages. Source: Amazon SNS Developer Guide, "Creating an HTTP/S delivery policy"."""

_BOUNDS: Mapping[str, tuple[int, int]] = {
    "minDelayTarget": (1, MAX_DELAY_S),
    "maxDelayTarget": (1, MAX_DELAY_S),
    "numRetries": (0, MAX_RETRIES),
    "numNoDelayRetries": (0, MAX_RETRIES),
    "numMinDelayRetries": (0, MAX_RETRIES),
    "numMaxDelayRetries": (0, MAX_RETRIES),
}
_SECTIONS = {
    "topic": ("defaultHealthyRetryPolicy", "defaultThrottlePolicy", "defaultRequestPolicy"),
    "subscription": ("healthyRetryPolicy", "throttlePolicy", "requestPolicy"),
}
_ECHOED: Mapping[str, frozenset[object]] = {
    "sicklyRetryPolicy": frozenset({None}),
    "defaultSicklyRetryPolicy": frozenset({None}),
    "guaranteed": frozenset({None, False}),
}
"""Members that SNS shows in effective policies without a use; tools send them back."""


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """What applies to deliveries over http and https.

    Attributes:
        retry: When a failed delivery is tried again.
        per_s: Deliveries per second, at most; None: as fast as it goes.
        content_type: Content-Type of notifications.
        overridable: Whether subscriptions of the topic may have a policy of their own.
    """

    retry: RetryPolicy = DEFAULT_RETRY
    per_s: int | None = None
    content_type: str = DEFAULT_CONTENT_TYPE
    overridable: bool = True

    @property
    def topic_wire(self) -> dict[str, Any]:
        """EffectiveDeliveryPolicy of a topic."""
        throttle = {} if self.per_s is None else {"defaultThrottlePolicy": {"maxReceivesPerSecond": self.per_s}}
        http = {
            "defaultHealthyRetryPolicy": self.retry.wire,
            "disableSubscriptionOverrides": not self.overridable,
            **throttle,
            "defaultRequestPolicy": {"headerContentType": self.content_type},
        }
        return {"http": http}

    @property
    def subscription_wire(self) -> dict[str, Any]:
        """EffectiveDeliveryPolicy of a subscription, in SNS's own order."""
        return {
            "healthyRetryPolicy": self.retry.wire,
            "sicklyRetryPolicy": None,
            "throttlePolicy": None if self.per_s is None else {"maxReceivesPerSecond": self.per_s},
            "requestPolicy": {"headerContentType": self.content_type},
            "guaranteed": False,
        }


def effective_policy(
    topic_attributes: Mapping[str, str] | None, subscription_attributes: Mapping[str, str] | None = None
) -> DeliveryPolicy:
    """The policy of a subscription, or of the topic where only that is given; attributes as they are stored.

    A section of the subscription's policy takes the place of the topic's; its missing members have SNS's defaults.
    """
    mine = subscription_attributes or {}
    topic = _stored(topic_attributes or {}).get("http") or {}
    overridable = not topic.get("disableSubscriptionOverrides", False)
    own = _stored(mine) if overridable else {}
    retry, throttle, request = (
        own.get(name) or topic.get(default) or {}
        for name, default in zip(_SECTIONS["subscription"], _SECTIONS["topic"], strict=True)
    )
    raw = mine.get("RawMessageDelivery", "false") == "true"
    return DeliveryPolicy(
        retry=RetryPolicy.from_wire(retry),
        per_s=throttle.get("maxReceivesPerSecond"),
        content_type=_content_type(request.get("headerContentType"), raw=raw),
        overridable=overridable,
    )


def checked_delivery_policy(text: str, *, scope: Scope) -> dict[str, Any]:
    """The policy as it may be stored; empty text gives an empty one, which takes a policy away.

    Raises:
        RequestError: InvalidParameter that names the member and its value.
    """
    policy = _object(text, "DeliveryPolicy")
    sections = policy
    if scope == "topic":
        _check_members(policy, {"http"}, "DeliveryPolicy")
        sections = _section(policy, "http", "DeliveryPolicy")
        disabled = sections.get("disableSubscriptionOverrides")
        if not isinstance(disabled, bool | None):
            raise _invalid("http.disableSubscriptionOverrides", f"true or false, not {_shown(disabled)}")
    where = "http." if scope == "topic" else ""
    retry, throttle, request = _SECTIONS[scope]
    known = {retry, throttle, request, *_ECHOED} | ({"disableSubscriptionOverrides"} if scope == "topic" else set())
    _check_members(sections, known, where or "DeliveryPolicy")
    _check_echoes(sections, where)
    _check_retry(_section(sections, retry, where), where + retry)
    _check_throttle(_section(sections, throttle, where), where + throttle)
    _check_request(_section(sections, request, where), where + request)
    return policy


def checked_redrive_policy(text: str) -> dict[str, Any]:
    """The policy as it may be stored; empty text gives an empty one, which takes a policy away.

    Raises:
        RequestError: InvalidParameter that names what is wrong.
    """
    policy = _object(text, "RedrivePolicy")
    if not policy:
        return policy
    if set(policy) != {"deadLetterTargetArn"}:
        raise _refused("RedrivePolicy", f"deadLetterTargetArn and nothing else is expected, not {', '.join(policy)}")
    arn = policy["deadLetterTargetArn"]
    if not (isinstance(arn, str) and QUEUE_ARN.fullmatch(arn)):
        raise _refused("RedrivePolicy", f"deadLetterTargetArn {_shown(arn)} is not the ARN of an SQS queue")
    if arn.endswith(".fifo"):
        raise _refused("RedrivePolicy", f"deadLetterTargetArn {arn}: FIFO queues serve FIFO topics only")
    return policy


QUEUE_ARN = re.compile(r"arn:aws(?:-[a-z-]{1,20})?:sqs:([a-z0-9-]{1,32}):([0-9]{12}):([A-Za-z0-9_-]{1,80}(?:\.fifo)?)")
"""Region, account and name of an SQS queue."""


def _check_retry(members: Mapping[str, Any], where: str) -> None:
    _check_members(members, {*_BOUNDS, "backoffFunction"}, where)
    for name, (least, most) in _BOUNDS.items():
        _check_number(members.get(name), least, most, f"{where}.{name}")
    backoff = members.get("backoffFunction", "linear")
    if backoff is not None and backoff not in BACKOFFS:
        raise _invalid(f"{where}.backoffFunction", f"one of {', '.join(BACKOFFS)}, not {_shown(backoff)}")
    policy = RetryPolicy.from_wire(members)
    if policy.max_delay_s < policy.min_delay_s:
        found = f"{policy.max_delay_s} is less than {policy.min_delay_s}"
        raise _invalid(f"{where}.maxDelayTarget", f"must be greater than or equal to minDelayTarget; {found}")
    phases = policy.at_once + policy.before + policy.after
    if policy.retries < phases:
        total = "total of numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries"
        raise _invalid(
            f"{where}.numRetries", f"must be greater than or equal to {total}; {policy.retries} is less than {phases}"
        )
    if policy.total_s > MAX_TOTAL_S:
        raise _invalid(where, f"the delays add up to {policy.total_s:g} s; at most {MAX_TOTAL_S} s are allowed")


def _check_throttle(members: Mapping[str, Any], where: str) -> None:
    _check_members(members, {"maxReceivesPerSecond"}, where)
    _check_number(members.get("maxReceivesPerSecond"), 1, MAX_PER_S, f"{where}.maxReceivesPerSecond")


def _check_request(members: Mapping[str, Any], where: str) -> None:
    _check_members(members, {"headerContentType"}, where)
    given = members.get("headerContentType")
    if given is not None and _media_type(given) not in RAW_TYPES:
        raise _invalid(f"{where}.headerContentType", f"one of {', '.join(sorted(RAW_TYPES))}, not {_shown(given)}")


def _check_number(value: object, least: int, most: int, where: str) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool):
        raise _invalid(where, f"a whole number, not {_shown(value)}")
    if value < least:
        raise _invalid(where, f"must be greater than or equal to {least}, not {_shown(value)}")
    if value > most:
        raise _invalid(where, f"must be less than or equal to {most}, not {_shown(value)}")


def _check_echoes(members: Mapping[str, Any], where: str) -> None:
    for name, allowed in _ECHOED.items():
        value = members.get(name)
        if isinstance(value, list | dict) or value not in allowed:
            raise _invalid(f"{where}{name}", f"not supported; leave it out instead of {_shown(value)}")


def _check_members(members: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(members) - known):
        raise _invalid(
            where.rstrip("."), f"there is no member {_shown(unknown[0])}; there are {', '.join(sorted(known))}"
        )


def _section(members: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    value = members.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _invalid(f"{where.rstrip('.')}.{name}".lstrip("."), f"a JSON object, not {_shown(value)}")
    return value


def _object(text: str, member: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _refused(member, "failed to parse JSON") from None
    if not isinstance(value, dict):
        raise _refused(member, f"a JSON object is expected, not {_shown(value)}")
    return value


def _stored(attributes: Mapping[str, str]) -> dict[str, Any]:
    policy = json.loads(attributes.get("DeliveryPolicy") or "{}")
    assert isinstance(policy, dict), "checked where it was set"
    return policy


def _media_type(value: object) -> str | None:
    """Media type of a Content-Type with no parameter but UTF-8; None: it is something else."""
    match = _CONTENT_TYPE.fullmatch(value) if isinstance(value, str) else None
    return match[1].lower() if match else None


_CONTENT_TYPE = re.compile("([A-Za-z]+/[A-Za-z.+-]+)(?: *; *charset=utf-8)?", re.ASCII | re.IGNORECASE)


def _content_type(given: str | None, *, raw: bool) -> str:
    """The header; types that only raw messages may have give way to the default where there is an envelope."""
    kind = _media_type(given)
    if kind is None or kind not in (RAW_TYPES if raw else ENVELOPE_TYPES):
        return DEFAULT_CONTENT_TYPE
    return f"{kind}; charset=UTF-8" if kind.startswith("text/") or ";" in str(given) else kind


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _invalid(where: str, reason: str) -> RequestError:
    return _refused("DeliveryPolicy", f"{where}: {reason}" if where != "DeliveryPolicy" else reason)


def _refused(member: str, reason: str) -> RequestError:
    return RequestError("InvalidParameter", f"Invalid parameter: {member} Reason: {reason}")
