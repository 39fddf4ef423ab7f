"""Tags of topics."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.sns.calls import Call
from pipeline.notify.refusals import worded
from pipeline.store.engine import reading, writing


def tag_resource(call: Call) -> Mapping[str, Any]:
    """TagResource."""
    tags = given_tags(call.request["Tags"])
    with writing(call.services.engine) as connection:
        call.services.topics.tag(connection, call.owner, call.request["ResourceArn"], tags)
    return {}


def untag_resource(call: Call) -> Mapping[str, Any]:
    """UntagResource."""
    with writing(call.services.engine) as connection:
        call.services.topics.untag(connection, call.owner, call.request["ResourceArn"], call.request["TagKeys"])
    return {}


def list_tags_for_resource(call: Call) -> Mapping[str, Any]:
    """ListTagsForResource."""
    with reading(call.services.engine) as connection:
        tags = call.services.topics.tags(connection, call.owner, call.request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def given_tags(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Key -> value.

    Raises:
        RequestError: a key is given twice.
    """
    given = {tag["Key"]: tag["Value"] for tag in tags}
    if len(given) < len(tags):
        raise worded("Duplicated keys are not allowed.")
    return given
