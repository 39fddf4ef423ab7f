"""Topics, their attributes and their access policies."""

from collections.abc import Mapping
from typing import Any

from api.sns.calls import Call, page_start, page_token
from api.sns.tags import given_tags
from pipeline.notify.refusals import invalid
from pipeline.notify.topics import PAGE, topic_arn
from pipeline.store.engine import reading, writing


def create_topic(call: Call) -> Mapping[str, Any]:
    """CreateTopic."""
    arn = topic_arn(call.services.settings.region, call.owner, call.request["Name"])
    tags = given_tags(call.request.get("Tags", ()))
    _refuse_data_protection(call.request.get("DataProtectionPolicy"))
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
        arns = call.services.topics.page(connection, call.owner, page_start(call))
    return {
        "Topics": [{"TopicArn": arn} for arn in arns[:PAGE]],
        "NextToken": page_token(arns[PAGE - 1]) if len(arns) > PAGE else None,
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


def add_permission(call: Call) -> Mapping[str, Any]:
    """AddPermission: the statement is kept and shown; a topic serves the account that owns it all the same."""
    request = call.request
    allowed = (request["AWSAccountId"], request["ActionName"])
    with writing(call.services.engine) as connection:
        call.services.topics.add_permission(connection, call.owner, request["TopicArn"], request["Label"], allowed)
    return {}


def remove_permission(call: Call) -> Mapping[str, Any]:
    """RemovePermission."""
    arn, label = call.request["TopicArn"], call.request["Label"]
    with writing(call.services.engine) as connection:
        call.services.topics.remove_permission(connection, call.owner, arn, label)
    return {}


def get_data_protection_policy(call: Call) -> Mapping[str, Any]:
    """GetDataProtectionPolicy: no topic has one."""
    with reading(call.services.engine) as connection:
        call.services.topics.get(connection, call.owner, call.request["ResourceArn"])
    return {"DataProtectionPolicy": ""}


def put_data_protection_policy(call: Call) -> Mapping[str, Any]:
    """PutDataProtectionPolicy: only the empty one can be kept, because nothing would look into the messages."""
    with reading(call.services.engine) as connection:
        call.services.topics.get(connection, call.owner, call.request["ResourceArn"])
    _refuse_data_protection(call.request["DataProtectionPolicy"])
    return {}


def _refuse_data_protection(policy: str | None) -> None:
    if policy:
        raise invalid("DataProtectionPolicy", "not supported: messages are delivered as they are published")
