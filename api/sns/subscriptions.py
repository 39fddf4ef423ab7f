"""Subscriptions and their attributes."""

from collections.abc import Mapping
from typing import Any

from api.sns.calls import Call, page_start, page_token
from pipeline.errors import RequestError
from pipeline.notify.endpoints import check_endpoint, without_password
from pipeline.notify.outbox import WEB
from pipeline.notify.raw import KEY_ATTRIBUTE, raw_key
from pipeline.notify.ssrf import Guard
from pipeline.notify.subscriptions import Subscription
from pipeline.notify.topics import PAGE
from pipeline.secrets import load_secret_key
from pipeline.store.engine import reading, writing

PENDING = "pending confirmation"
"""What Subscribe answers in place of an ARN until the endpoint agreed."""


def subscribe(call: Call) -> Mapping[str, Any]:
    """Subscribe: the confirmation is on its way when this returns."""
    request, services = call.request, call.services
    endpoint = (request["Protocol"], request.get("Endpoint", ""))
    with reading(services.engine) as connection:
        topic = services.topics.get(connection, call.owner, request["TopicArn"])
    # Resolving a name may take seconds, so it happens outside the transaction.
    check_endpoint(Guard.from_settings(services.settings), call.owner, *endpoint)
    with writing(services.engine) as connection:
        attributes = request.get("Attributes", {})
        topic = services.topics.get(connection, call.owner, topic.arn, lock="FilterPolicy" in attributes)
        subscription = call.subscriptions.subscribe(connection, topic, endpoint, attributes, call.now)
    services.queue.wake_delivery()
    shown = request.get("ReturnSubscriptionArn", False) or subscription.confirmed
    return {"SubscriptionArn": subscription.arn if shown else PENDING}


def confirm_subscription(call: Call) -> Mapping[str, Any]:
    """ConfirmSubscription: the token is the proof, so any account may, and so may a link in a message."""
    signed = call.request.get("AuthenticateOnUnsubscribe", "false").lower() == "true"
    if signed and call.account is None:
        raise RequestError("AuthorizationError", "AuthenticateOnUnsubscribe requires a signed request.")
    topic, token = call.request["TopicArn"], call.request["Token"]
    with writing(call.services.engine) as connection:
        arn = call.subscriptions.confirm(
            connection, topic, token, call.now, signed=signed, authenticated=call.account is not None
        )
    return {"SubscriptionArn": arn}


def unsubscribe(call: Call) -> Mapping[str, Any]:
    """Unsubscribe, by the owner or by the link in a message."""
    arn = call.request["SubscriptionArn"]
    with writing(call.services.engine) as connection:
        if call.account is not None:
            call.subscriptions.unsubscribe(connection, call.account, arn)
            return {}
        call.subscriptions.unsubscribe_by_link(connection, arn, call.now)
    call.services.queue.wake_delivery()
    return {}


def get_subscription_attributes(call: Call) -> Mapping[str, Any]:
    """GetSubscriptionAttributes."""
    arn = call.request["SubscriptionArn"]
    with reading(call.services.engine) as connection:
        shown = call.subscriptions.attributes(connection, call.owner, arn)
    if shown["RawMessageDelivery"] == "true" and shown["Protocol"] in WEB:
        # Not one of SNS's: what raw messages are signed with, for their receiver.
        shown = {**shown, KEY_ATTRIBUTE: raw_key(load_secret_key(call.services.settings), arn)}
    return {"Attributes": shown}


def set_subscription_attributes(call: Call) -> Mapping[str, Any]:
    """SetSubscriptionAttributes."""
    arn, name, value = (call.request.get(key, "") for key in ("SubscriptionArn", "AttributeName", "AttributeValue"))
    with writing(call.services.engine) as connection:
        call.subscriptions.set_attribute(connection, call.owner, arn, name, value)
    return {}


def list_subscriptions(call: Call) -> Mapping[str, Any]:
    """ListSubscriptions and ListSubscriptionsByTopic."""
    arn = call.request.get("TopicArn")
    with reading(call.services.engine) as connection:
        if arn is not None:
            call.services.topics.get(connection, call.owner, arn)
        found = call.subscriptions.page(connection, call.owner, page_start(call), arn)
    return {
        "Subscriptions": [_shown(one) for one in found[:PAGE]],
        "NextToken": page_token(found[PAGE - 1].arn) if len(found) > PAGE else None,
    }


def _shown(subscription: Subscription) -> Mapping[str, Any]:
    return {
        "SubscriptionArn": subscription.shown_arn,
        "Owner": subscription.account,
        "Protocol": subscription.protocol,
        "Endpoint": without_password(subscription.endpoint),
        "TopicArn": subscription.topic_arn,
    }
