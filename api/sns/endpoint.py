"""The SNS-compatible endpoint: topics, subscriptions and Publish of an account."""

import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from botocore.model import OperationModel
from starlette.responses import Response

from api.protocol.query import CONTENT_TYPE, parse, render, render_error, sns_model, status_of
from api.protocol.validate import violations
from api.sns import batches, publishing, subscriptions, tags, topics
from api.sns.calls import Call, Handler
from pipeline.errors import RequestError
from pipeline.services import Services
from pipeline.store.metadata import utcnow

log = structlog.get_logger()

TOPICS_ONLY = "this endpoint serves topics and their subscriptions only, no text messages (SMS) and no mobile push."


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
        raise RequestError("NotImplementedException", f"{action} is not served: {TOPICS_ONLY}")
    operation = sns_model().operation_model(action)
    request = parse(operation.input_shape, form)
    _check(operation, request)
    return render(operation, HANDLERS[action](Call(services, account, request, utcnow())), request_id)


def _check(operation: OperationModel, request: Mapping[str, Any]) -> None:
    found = [str(one) for one in violations(operation.input_shape, request)] if operation.input_shape else []
    if found:
        raise RequestError("InvalidParameter", f"Invalid parameter: {'; '.join(found)}")


HANDLERS: Mapping[str, Handler] = {
    "AddPermission": topics.add_permission,
    "ConfirmSubscription": subscriptions.confirm_subscription,
    "CreateTopic": topics.create_topic,
    "DeleteTopic": topics.delete_topic,
    "GetDataProtectionPolicy": topics.get_data_protection_policy,
    "GetSubscriptionAttributes": subscriptions.get_subscription_attributes,
    "GetTopicAttributes": topics.get_topic_attributes,
    "ListSubscriptions": subscriptions.list_subscriptions,
    "ListSubscriptionsByTopic": subscriptions.list_subscriptions,
    "ListTagsForResource": tags.list_tags_for_resource,
    "ListTopics": topics.list_topics,
    "Publish": publishing.publish,
    "PublishBatch": batches.publish_batch,
    "PutDataProtectionPolicy": topics.put_data_protection_policy,
    "RemovePermission": topics.remove_permission,
    "SetSubscriptionAttributes": subscriptions.set_subscription_attributes,
    "SetTopicAttributes": topics.set_topic_attributes,
    "Subscribe": subscriptions.subscribe,
    "TagResource": tags.tag_resource,
    "Unsubscribe": subscriptions.unsubscribe,
    "UntagResource": tags.untag_resource,
}
"""What is served: everything on topics. The rest of the model is text messages and mobile push."""
UNSIGNED = frozenset({"ConfirmSubscription", "Unsubscribe"})
"""What the links in messages may ask for."""
