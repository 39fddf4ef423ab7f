"""The SNS-compatible endpoint: topics, subscriptions and Publish of an account."""

import base64
import binascii
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from botocore.model import OperationModel
from starlette.responses import Response

from api.protocol.query import CONTENT_TYPE, parse, render, render_error, sns_model, status_of
from api.protocol.validate import violations
from api.sns.publishing import columns, invalid
from pipeline.errors import RequestError
from pipeline.notify.ssrf import Guard
from pipeline.notify.subscriptions import Subscription, Subscriptions, check_endpoint
from pipeline.notify.topics import PAGE, topic_arn
from pipeline.services import Services
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow

log = structlog.get_logger()

PENDING = "pending confirmation"
ARN = r"arn:aws:sns:[A-Za-z0-9_:-]+"
"""What page tokens of lists hold."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of an account; `account` None: unsigned, from whoever follows a link in a message."""

    services: Services
    account: str | None
    request: Mapping[str, Any]
    now: datetime

    @property
    def owner(self) -> str:
        """The account of a signed request."""
        assert self.account is not None, "unsigned requests reach only `UNSIGNED`"
        return self.account

    @property
    def subscriptions(self) -> Subscriptions:
        """The subscriptions, with confirmations sent through the outbox."""
        return Subscriptions(self.services.outbox)


Handler = Callable[[Call], Mapping[str, Any]]


def handle(services: Services, account: str | None, form: Mapping[str, str]) -> Response:
    """The answer to a query-protocol request of an account whose signature was verified; None: unsigned."""
    request_id = str(uuid.uuid4())
    try:
        return _answer(_serve(services, account, form, request_id), 200, request_id)
    except RequestError as error:
        return refusal(error.code, error.message, request_id)
    except Exception:
        log.exception("request_broke", action=form.get("Action"), request_id=request_id)
        return refusal("InternalFailure", "The request failed because of an internal error.", request_id)


def refusal(code: str, message: str, request_id: str | None = None) -> Response:
    """The answer to a request that is refused, for example because its signature is wrong."""
    request_id = request_id or str(uuid.uuid4())
    return _answer(render_error(code, message, request_id), status_of(code), request_id)


def _answer(content: bytes, status: int, request_id: str) -> Response:
    return Response(content, status, {"x-amzn-RequestId": request_id}, CONTENT_TYPE)


def _serve(services: Services, account: str | None, form: Mapping[str, str], request_id: str) -> bytes:
    action = form.get("Action", "")
    if action not in sns_model().operation_names:
        raise RequestError("InvalidAction", f"The action {action!r} is not valid for this endpoint.")
    if account is None and action not in UNSIGNED:
        raise RequestError("AuthorizationError", f"{action} requires a signed request.")
    if action not in HANDLERS:
        raise RequestError("NotImplementedException", f"{action} is not implemented.")
    operation = sns_model().operation_model(action)
    request = parse(operation.input_shape, form)
    _check(operation, request)
    return render(operation, HANDLERS[action](Call(services, account, request, utcnow())), request_id)


def _check(operation: OperationModel, request: Mapping[str, Any]) -> None:
    found = [str(one) for one in violations(operation.input_shape, request)] if operation.input_shape else []
    if found:
        raise RequestError("InvalidParameter", f"Invalid parameter: {'; '.join(found)}")


def create_topic(call: Call) -> Mapping[str, Any]:
    """CreateTopic."""
    arn = topic_arn(call.services.settings.region, call.owner, call.request["Name"])
    tags = {tag["Key"]: tag["Value"] for tag in call.request.get("Tags", ())}
    if call.request.get("DataProtectionPolicy"):
        raise invalid("DataProtectionPolicy", "not supported")
    with writing(call.services.engine) as connection:
        call.services.topics.create(connection, arn, call.request.get("Attributes", {}), tags, call.now)
    return {"TopicArn": arn}


def delete_topic(call: Call) -> Mapping[str, Any]:
    """DeleteTopic."""
    with writing(call.services.engine) as connection:
        call.services.topics.delete(connection, call.owner, call.request["TopicArn"])
    return {}


def list_topics(call: Call) -> Mapping[str, Any]:
    """ListTopics."""
    with reading(call.services.engine) as connection:
        arns = call.services.topics.page(connection, call.owner, _after(call))
    return {
        "Topics": [{"TopicArn": arn} for arn in arns[:PAGE]],
        "NextToken": _token(arns[PAGE - 1]) if len(arns) > PAGE else None,
    }


def get_topic_attributes(call: Call) -> Mapping[str, Any]:
    """GetTopicAttributes."""
    with reading(call.services.engine) as connection:
        return {"Attributes": call.services.topics.attributes(connection, call.owner, call.request["TopicArn"])}


def set_topic_attributes(call: Call) -> Mapping[str, Any]:
    """SetTopicAttributes."""
    name, value = call.request["AttributeName"], call.request.get("AttributeValue", "")
    with writing(call.services.engine) as connection:
        call.services.topics.set_attribute(connection, call.owner, call.request["TopicArn"], name, value)
    return {}


def subscribe(call: Call) -> Mapping[str, Any]:
    """Subscribe: the confirmation is on its way when this returns."""
    request, services = call.request, call.services
    endpoint = request.get("Endpoint", "")
    for name, value in request.get("Attributes", {}).items():
        if (name, value.lower()) != ("RawMessageDelivery", "false"):
            raise invalid("Attributes", f"{name} is not supported")
    with reading(services.engine) as connection:
        topic = services.topics.get(connection, call.owner, request["TopicArn"])
    # Resolving a name may take seconds, so it happens outside the transaction.
    check_endpoint(Guard.from_settings(services.settings), request["Protocol"], endpoint)
    with writing(services.engine) as connection:
        topic = services.topics.get(connection, call.owner, topic.arn)
        subscription = call.subscriptions.subscribe(connection, topic, request["Protocol"], endpoint, call.now)
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
        return {"SubscriptionArn": call.subscriptions.confirm(connection, topic, token, call.now, signed=signed)}


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


def list_subscriptions(call: Call) -> Mapping[str, Any]:
    """ListSubscriptions and ListSubscriptionsByTopic."""
    arn = call.request.get("TopicArn")
    with reading(call.services.engine) as connection:
        if arn is not None:
            call.services.topics.get(connection, call.owner, arn)
        found = call.subscriptions.page(connection, call.owner, _after(call), arn)
    return {
        "Subscriptions": [_shown(one) for one in found[:PAGE]],
        "NextToken": _token(found[PAGE - 1].arn) if len(found) > PAGE else None,
    }


def publish(call: Call) -> Mapping[str, Any]:
    """Publish."""
    request, services = call.request, call.services
    arn = request.get("TopicArn") or request.get("TargetArn") or ""
    extra = columns(request)
    with writing(services.engine) as connection:
        services.topics.get(connection, call.owner, arn)
        message_id = services.outbox.add(connection, call.owner, arn, request["Message"], call.now, extra=extra)
    services.queue.wake_delivery()
    return {"MessageId": message_id}


def _shown(subscription: Subscription) -> Mapping[str, Any]:
    return {
        "SubscriptionArn": subscription.shown_arn,
        "Owner": subscription.account,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic_arn,
    }


def _token(last: str) -> str:
    """Opaque to clients; it holds nothing that the page before did not show."""
    return base64.urlsafe_b64encode(last.encode()).decode("ascii")


def _after(call: Call) -> str:
    token = call.request.get("NextToken")
    if token is None:
        return ""
    try:
        last = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (UnicodeError, binascii.Error):
        last = ""
    if not re.fullmatch(ARN, last):
        raise invalid("NextToken", "not one that this endpoint gave")
    return last


HANDLERS: Mapping[str, Handler] = {
    "CreateTopic": create_topic,
    "DeleteTopic": delete_topic,
    "ListTopics": list_topics,
    "GetTopicAttributes": get_topic_attributes,
    "SetTopicAttributes": set_topic_attributes,
    "Subscribe": subscribe,
    "ConfirmSubscription": confirm_subscription,
    "Unsubscribe": unsubscribe,
    "ListSubscriptions": list_subscriptions,
    "ListSubscriptionsByTopic": list_subscriptions,
    "Publish": publish,
}
"""What is built; every other operation of the model answers NotImplementedException."""
UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe"})
"""What the links in messages may ask for."""
