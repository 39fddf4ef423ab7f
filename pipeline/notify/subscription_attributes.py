"""Attributes of subscriptions: what may be set to what, and what is shown."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.notify.endpoints import without_password
from pipeline.notify.filter_policy import NestedRefused, Scope, filter_policy, is_empty
from pipeline.notify.policies import QUEUE_ARN, checked_delivery_policy, checked_redrive_policy, effective_policy
from pipeline.notify.refusals import PolicyRefused, invalid, worded
from pipeline.notify.states import SubscriptionState

WEB = frozenset({"http", "https"})
AS_JSON = frozenset({"DeliveryPolicy", "FilterPolicy", "RedrivePolicy"})
DEFAULTS = {"RawMessageDelivery": "false", "FilterPolicyScope": Scope.ATTRIBUTES.value}


def with_subscription_attributes(present: Mapping[str, str], given: Mapping[str, str], protocol: str) -> dict[str, str]:
    """The attributes of a subscription after a change, as they are stored.

    Raises:
        RequestError: one is unknown, has an impossible value, or the filter policy does not fit its scope.
    """
    merged: dict[str, str | None] = {**present}
    for name, value in given.items():
        if name not in CHECKS:
            raise worded(f"AttributeName Reason: subscriptions have no attribute {name[:80]!r} that can be set")
        merged[name] = CHECKS[name](value, protocol)
    stored = {name: value for name, value in merged.items() if value is not None}
    if "FilterPolicy" in stored and given.keys() & {"FilterPolicy", "FilterPolicyScope"}:
        _check_filter(stored)
    return stored


def check_dead_letter_owner(account: str, attributes: Mapping[str, str]) -> None:
    """Refuses a queue of dead letters that is not the account's.

    Raises:
        RequestError: InvalidParameter that names both accounts.
    """
    if "RedrivePolicy" not in attributes:
        return
    queue = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]
    match = QUEUE_ARN.fullmatch(queue)
    if match is None or match[2] != account:
        raise invalid("RedrivePolicy", f"deadLetterTargetArn {queue} is not a queue of account {account}")


def shown_subscription_attributes(row: Mapping[Any, Any], topic_attributes: Mapping[str, str]) -> dict[str, str]:
    """What GetSubscriptionAttributes tells of a row of subscriptions."""
    stored: Mapping[str, str] = row["attributes"]
    shown = {
        "SubscriptionArn": row["arn"],
        "TopicArn": row["topic_arn"],
        "Owner": row["account"],
        "SubscriptionPrincipal": f"arn:aws:iam::{row['account']}:root",
        "Protocol": row["protocol"],
        "Endpoint": without_password(row["endpoint"]),
        "PendingConfirmation": _flag(row["state"] == SubscriptionState.PENDING),
        "ConfirmationWasAuthenticated": _flag(row["authenticated"]),
        **DEFAULTS,
        **stored,
    }
    if row["protocol"] in WEB:
        policy = effective_policy(topic_attributes, stored)
        shown["EffectiveDeliveryPolicy"] = json.dumps(policy.subscription_wire)
    if "FilterPolicy" not in stored:
        del shown["FilterPolicyScope"]
    return shown


def differ(stored: Mapping[str, str], given: Mapping[str, str], protocol: str) -> bool:
    """Whether one of the attributes given is stored otherwise.

    Raises:
        RequestError: as `with_subscription_attributes`.
    """
    wanted = with_subscription_attributes({}, given, protocol)
    present = {**DEFAULTS, **stored}
    return any(not _same(name, present.get(name), wanted.get(name)) for name in given)


def _same(name: str, one: str | None, other: str | None) -> bool:
    if name not in AS_JSON or one is None or other is None:
        return one == other
    return bool(json.loads(one) == json.loads(other))


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _check_filter(stored: Mapping[str, str]) -> None:
    try:
        filter_policy(stored["FilterPolicy"], Scope(stored.get("FilterPolicyScope", Scope.ATTRIBUTES)))
    except NestedRefused as error:
        raise worded(str(error)) from None
    except PolicyRefused as error:
        raise worded(f"FilterPolicy: {error}") from None


def _filter(value: str, _protocol: str) -> str | None:
    return None if is_empty(value) else value


def _scope(value: str, _protocol: str) -> str:
    if value not in set(Scope):
        asked = "Please use either MessageBody or MessageAttributes"
        raise worded(f"FilterPolicyScope: Invalid value [{value[:80]}]. {asked}")
    return value


def _raw(value: str, _protocol: str) -> str:
    if value.lower() not in {"true", "false"}:
        raise worded(f"RawMessageDelivery: Invalid value [{value[:80]}]. Must be true or false.")
    return value.lower()


def _redrive(value: str, _protocol: str) -> str | None:
    return value if checked_redrive_policy(value) else None


def _delivery(value: str, protocol: str) -> str | None:
    policy = checked_delivery_policy(value, scope="subscription")
    if policy and protocol not in WEB:
        raise invalid(
            "DeliveryPolicy", f"subscriptions with protocol {protocol} have none; AWS fixes how it is retried"
        )
    return value if policy else None


def _not_served(name: str, why: str) -> Callable[[str, str], None]:
    def check(value: str, _protocol: str) -> None:
        if value:
            raise invalid(name, why)

    return check


CHECKS: Mapping[str, Callable[[str, str], str | None]] = {
    "DeliveryPolicy": _delivery,
    "FilterPolicy": _filter,
    "FilterPolicyScope": _scope,
    "RawMessageDelivery": _raw,
    "RedrivePolicy": _redrive,
    "ReplayPolicy": _not_served("ReplayPolicy", "FIFO topics are not supported, and only they keep an archive"),
    "SubscriptionRoleArn": _not_served("SubscriptionRoleArn", "only subscriptions with protocol firehose have one"),
}
"""Every attribute that can be set -> its value as it is stored, or None to take it away."""
