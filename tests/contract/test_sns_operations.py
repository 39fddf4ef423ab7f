"""Every operation of botocore's SNS model is served, or refused with the one error that says what this endpoint is for."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from sqlalchemy import select

from api.protocol.query import sns_model
from api.sns.endpoint import HANDLERS, TOPICS_ONLY
from pipeline.store.engine import reading
from pipeline.store.notify_schema import notifications
from tests.support.sns_calls import installation, sns
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["installation", "sns"]

PREFIX = f"arn:aws:sns:us-east-1:{ACCOUNT}:"
MODEL = sns_model()
TOPICS = {
    *("AddPermission", "ConfirmSubscription", "CreateTopic", "DeleteTopic", "GetDataProtectionPolicy"),
    *("GetSubscriptionAttributes", "GetTopicAttributes", "ListSubscriptions", "ListSubscriptionsByTopic"),
    *("ListTagsForResource", "ListTopics", "Publish", "PublishBatch", "PutDataProtectionPolicy", "RemovePermission"),
    *("SetSubscriptionAttributes", "SetTopicAttributes", "Subscribe", "TagResource", "Unsubscribe", "UntagResource"),
}
"""What the model has on topics and subscriptions."""


def refused(call: Any, **request: Any) -> tuple[str, int, str]:
    """Code, status and message of the error that the call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def example(shape: Shape) -> Any:
    """Some value of the shape, with its required members."""
    if isinstance(shape, StructureShape):
        return {name: example(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [example(shape.member)]
    if isinstance(shape, MapShape):
        return {}
    return {"boolean": False, "integer": 1, "blob": b"x"}.get(shape.type_name, "x")


def spelled(operation: OperationModel, request: Mapping[str, Any]) -> dict[str, str]:
    """The request as a form, for requests that botocore itself would not send."""
    form = {"Action": operation.name, "Version": MODEL.api_version}
    for name, value in request.items():
        if isinstance(value, list):
            inner = value[0] if isinstance(value[0], dict) else {"": value[0]}
            form |= {f"{name}.member.1.{key}".rstrip("."): str(one) for key, one in inner.items()}
        else:
            form[name] = str(value)
    return form


def requirements() -> Iterator[tuple[str, str]]:
    for name in sorted(TOPICS):
        shape = MODEL.operation_model(name).input_shape
        yield from ((name, member) for member in shape.required_members)


def test_all_that_the_model_has_on_topics_is_served() -> None:
    assert set(HANDLERS) == TOPICS
    assert set(MODEL.operation_names) > TOPICS


@pytest.mark.parametrize("name", sorted(set(MODEL.operation_names) - TOPICS))
def test_the_rest_is_refused_with_one_error(installation: Installation, name: str) -> None:
    operation = MODEL.operation_model(name)
    request = example(operation.input_shape) if operation.input_shape else {}
    answer = installation.post(spelled(operation, request))
    assert answer.status_code == 501
    assert "<Code>NotImplementedException</Code>" in answer.text
    assert f"<Message>{name} is not served: {TOPICS_ONLY}</Message>" in answer.text


@pytest.mark.parametrize(("name", "member"), list(requirements()))
def test_required_members_are_required(installation: Installation, name: str, member: str) -> None:
    operation = MODEL.operation_model(name)
    request = example(operation.input_shape)
    del request[member]
    answer = installation.post(spelled(operation, request))
    assert answer.status_code == 400
    assert "<Code>InvalidParameter</Code>" in answer.text
    assert f"Invalid parameter: {member} Reason: a value is required" in answer.text


@pytest.mark.parametrize("name", sorted(TOPICS - {"CreateTopic", "ListTopics", "ListSubscriptions"}))
def test_nonsense_is_never_an_internal_error(installation: Installation, name: str) -> None:
    operation = MODEL.operation_model(name)
    answer = installation.post(spelled(operation, example(operation.input_shape)))
    assert answer.status_code == 400
    assert "<Type>Sender</Type>" in answer.text


def test_paginators_of_the_model_go_over_what_is_served(sns: Any) -> None:
    arn = sns.create_topic(Name="paged")["TopicArn"]
    for operation, request in (
        ("list_topics", {}),
        ("list_subscriptions", {}),
        ("list_subscriptions_by_topic", {"TopicArn": arn}),
    ):
        assert sns.can_paginate(operation)
        assert list(sns.get_paginator(operation).paginate(**request))


def test_tags_are_kept(sns: Any) -> None:
    arn = sns.create_topic(Name="tagged", Tags=[{"Key": "team", "Value": "film"}])["TopicArn"]
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "team", "Value": "news"}, {"Key": "Team", "Value": ""}])
    tags = {tag["Key"]: tag["Value"] for tag in sns.list_tags_for_resource(ResourceArn=arn)["Tags"]}
    assert tags == {"team": "news", "Team": ""}
    sns.untag_resource(ResourceArn=arn, TagKeys=["team", "unknown"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "Team", "Value": ""}]
    # What is there already may be asked for again.
    assert sns.create_topic(Name="tagged", Tags=[{"Key": "Team", "Value": ""}])["TopicArn"] == arn
    code, _, message = refused(sns.create_topic, Name="tagged", Tags=[{"Key": "Team", "Value": "x"}])
    assert (code, "different tags" in message) == ("InvalidParameter", True)


def test_what_tags_may_not_be(sns: Any) -> None:
    arn = sns.create_topic(Name="tags")["TopicArn"]
    many = [{"Key": str(number), "Value": ""} for number in range(50)]
    sns.tag_resource(ResourceArn=arn, Tags=many)
    for tags, code in (
        ([{"Key": "one more", "Value": ""}], "TagLimitExceeded"),
        ([{"Key": "AWS:x", "Value": ""}], "InvalidParameter"),
        ([{"Key": "0", "Value": "a"}, {"Key": "0", "Value": "b"}], "InvalidParameter"),
        ([{"Key": "k" * 129, "Value": ""}], "InvalidParameter"),
        ([{"Key": "0", "Value": "v" * 257}], "InvalidParameter"),
    ):
        assert refused(sns.tag_resource, ResourceArn=arn, Tags=tags)[:2] == (code, 400)
    assert len(sns.list_tags_for_resource(ResourceArn=arn)["Tags"]) == 50
    for call in (sns.list_tags_for_resource, lambda **request: sns.untag_resource(**request, TagKeys=["a"])):
        assert refused(call, ResourceArn=f"{PREFIX}unknown")[:2] == ("ResourceNotFound", 404)
        assert refused(call, ResourceArn="arn:aws:sns:us-east-1:999999999999:x")[:2] == ("AuthorizationError", 403)


def test_permissions_edit_the_policy_and_grant_nothing(sns: Any, installation: Installation) -> None:
    arn = sns.create_topic(Name="shared")["TopicArn"]
    other = "999999999999"
    request = {"TopicArn": arn, "Label": "partner", "AWSAccountId": [other], "ActionName": ["Publish", "Subscribe"]}
    sns.add_permission(**request)
    statements = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])["Statement"]
    assert statements[1:] == [
        {
            "Sid": "partner",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{other}:root"},
            "Action": ["SNS:Publish", "SNS:Subscribe"],
            "Resource": arn,
        }
    ]
    partner = installation.client(installation.services.keys.create(other))
    assert refused(partner.publish, TopicArn=arn, Message="m")[:2] == ("AuthorizationError", 403)
    assert "already exists" in refused(sns.add_permission, **request)[2]
    for changes, named in (
        ({"ActionName": ["Dance"]}, "out of service scope"),
        ({"AWSAccountId": ["me"]}, "'me'"),
        ({"Label": "a b"}, "Label"),
    ):
        assert named in refused(sns.add_permission, **{**request, "Label": "new", **changes})[2]
    sns.remove_permission(TopicArn=arn, Label="partner")
    statements = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])["Statement"]
    assert [one["Sid"] for one in statements] == ["__default_statement_ID"]


def test_no_topic_has_a_data_protection_policy(sns: Any) -> None:
    arn = sns.create_topic(Name="open")["TopicArn"]
    assert sns.get_data_protection_policy(ResourceArn=arn).get("DataProtectionPolicy", "") == ""
    for call, request in (
        (sns.put_data_protection_policy, {"ResourceArn": arn}),
        (sns.create_topic, {"Name": "open"}),
    ):
        code, status, message = refused(call, **request, DataProtectionPolicy='{"Name": "x"}')
        assert (code, status, "DataProtectionPolicy" in message) == ("InvalidParameter", 400, True)


def test_batches_tell_of_each_entry(sns: Any) -> None:
    arn = sns.create_topic(Name="batched")["TopicArn"]
    entries = [
        {"Id": "good", "Message": "m", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "1"}}},
        {"Id": "empty", "Message": ""},
        {"Id": "typed", "Message": "m", "MessageAttributes": {"n": {"DataType": "Color", "StringValue": "1"}}},
        {"Id": "also_good", "Message": '{"default": "d", "http": 5}', "MessageStructure": "json"},
    ]
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["good", "also_good"]
    assert len({one["MessageId"] for one in answer["Successful"]}) == 2
    failed = {one["Id"]: (one["Code"], one["SenderFault"]) for one in answer["Failed"]}
    assert failed == {"empty": ("InvalidParameter", True), "typed": ("ParameterValueInvalid", True)}


def test_an_entry_that_policies_cannot_be_held_against_keeps_no_other_from_it(
    installation: Installation, sns: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.notify.filtering.MAX_EFFORT", 5)
    arn = sns.create_topic(Name="effort")["TopicArn"]
    attributes = {"FilterPolicy": '{"key": ["x"]}', "FilterPolicyScope": "MessageBody"}
    sns.subscribe(
        TopicArn=arn, Protocol="sqs", Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:effort", Attributes=attributes
    )
    entries = [{"Id": str(count), "Message": json.dumps({"key": ["y"] * count})} for count in (1, 6, 2)]
    answer = sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["1", "2"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [("6", "InvalidParameter")]
    with reading(installation.services.engine) as connection:
        kept = connection.execute(select(notifications.c.message).where(notifications.c.topic_arn == arn)).scalars()
        assert sorted(kept) == sorted(one["Message"] for one in (entries[0], entries[2]))


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([{"Id": str(number), "Message": "m"} for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "a", "Message": "m"}, {"Id": "a", "Message": "n"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "Message": "m"}], "InvalidBatchEntryId"),
        ([{"Id": "a" * 81, "Message": "m"}], "InvalidBatchEntryId"),
        ([{"Id": "a", "Message": "m" * 131_073}, {"Id": "b", "Message": "m" * 131_073}], "BatchRequestTooLong"),
    ],
)
def test_batches_that_are_none(sns: Any, entries: list[dict[str, str]], code: str) -> None:
    arn = sns.create_topic(Name="none")["TopicArn"]
    assert refused(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)[:2] == (code, 400)


def test_an_empty_batch_is_refused(installation: Installation, sns: Any) -> None:
    arn = sns.create_topic(Name="none")["TopicArn"]
    form = {"Action": "PublishBatch", "TopicArn": arn, "PublishBatchRequestEntries": ""}
    assert "<Code>EmptyBatchRequest</Code>" in installation.post(form).text


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("a", {"DataType": "Color", "StringValue": "x"}, "Binary, Number, and String"),
        ("a", {"DataType": "String"}, "StringValue"),
        ("a", {"DataType": "Binary", "StringValue": "x"}, "BinaryValue"),
        (".a", {"DataType": "String", "StringValue": "x"}, "starting with character '.'"),
        ("a.", {"DataType": "String", "StringValue": "x"}, "ending with character '.'"),
        ("a..b", {"DataType": "String", "StringValue": "x"}, "successive '.'"),
        ("a b", {"DataType": "String", "StringValue": "x"}, "'#x20'"),
        ("a" * 257, {"DataType": "String", "StringValue": "x"}, "256 bytes"),
    ],
)
def test_message_attributes_are_checked(sns: Any, name: str, value: dict[str, str], named: str) -> None:
    arn = sns.create_topic(Name="attributed")["TopicArn"]
    code, status, message = refused(sns.publish, TopicArn=arn, Message="m", MessageAttributes={name: value})
    assert (code, status) == ("ParameterValueInvalid", 400)
    assert named in message


def test_attributes_count_against_the_length_of_a_message(sns: Any) -> None:
    arn = sns.create_topic(Name="short", Attributes={"MaximumMessageSize": "1024"})["TopicArn"]
    attributes = {"name": {"DataType": "String", "StringValue": "x" * 100}}
    sns.publish(TopicArn=arn, Message="m" * 914, MessageAttributes=attributes)
    code, status, message = refused(sns.publish, TopicArn=arn, Message="m" * 915, MessageAttributes=attributes)
    assert (code, status, "Message too long: 1025 bytes" in message) == ("InvalidParameter", 400, True)
