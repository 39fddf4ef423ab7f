"""Topics and their attributes."""

from collections.abc import Mapping
from typing import Any

from api.sns.calls import Call, invalid, page_start, page_token
from pipeline.notify.topics import PAGE, topic_arn
from pipeline.store.engine import reading, writing


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
