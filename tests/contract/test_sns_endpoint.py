"""Topics and subscriptions as boto3's SNS client sees them."""

import base64
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.support.sns_installation import ACCOUNT, Installation, installed

PREFIX = f"arn:aws:sns:us-east-1:{ACCOUNT}:"
HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with installed(tmp_path) as one:
        yield one


@pytest.fixture
def sns(installation: Installation) -> Any:
    return installation.client()


def refused(code: str, status: int, call: Any, **request: Any) -> str:
    """The message of the error that the call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert response["ResponseMetadata"]["RequestId"]
    return str(response["Error"]["Message"])


def test_create_topic_is_idempotent(sns: Any) -> None:
    assert sns.create_topic(Name="done")["TopicArn"] == f"{PREFIX}done"
    assert sns.create_topic(Name="done", Attributes={"SignatureVersion": "1"})["TopicArn"] == f"{PREFIX}done"
    assert "different attributes" in refused(
        "InvalidParameter", 400, sns.create_topic, Name="done", Attributes={"SignatureVersion": "2"}
    )
    assert sns.list_topics()["Topics"] == [{"TopicArn": f"{PREFIX}done"}]


@pytest.mark.parametrize("name", ["", "a b", "x" * 257, "käse", "a/b"])
def test_topic_names_are_checked(sns: Any, name: str) -> None:
    assert "Topic Name" in refused("InvalidParameter", 400, sns.create_topic, Name=name)


@pytest.mark.parametrize("request_", [{"Name": "a.fifo"}, {"Name": "a", "Attributes": {"FifoTopic": "true"}}])
def test_fifo_is_refused_by_name(sns: Any, request_: dict[str, Any]) -> None:
    assert "FIFO topics are not supported" in refused("InvalidParameter", 400, sns.create_topic, **request_)


def test_topic_attributes_are_kept(sns: Any) -> None:
    arn = sns.create_topic(Name="done", Tags=[{"Key": "team", "Value": "film"}])["TopicArn"]
    sns.set_topic_attributes(TopicArn=arn, AttributeName="SignatureVersion", AttributeValue="2")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="Fertig \x01 & <ok>")
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["SignatureVersion"] == "2"
    assert attributes["DisplayName"] == "Fertig \ufffd & <ok>"
    assert (attributes["TopicArn"], attributes["Owner"], attributes["SubscriptionsPending"]) == (arn, ACCOUNT, "0")
    for name, value in (("SignatureVersion", "3"), ("Color", "red")):
        message = refused(
            "InvalidParameter", 400, sns.set_topic_attributes, TopicArn=arn, AttributeName=name, AttributeValue=value
        )
        assert name in message


def test_delete_topic_is_idempotent_and_takes_subscriptions_along(sns: Any) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=HOOK)
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert sns.list_topics()["Topics"] == []
    assert sns.list_subscriptions()["Subscriptions"] == []
    refused("NotFound", 404, sns.get_topic_attributes, TopicArn=arn)


def test_topics_of_other_accounts_are_not_told_of(sns: Any) -> None:
    other = "arn:aws:sns:us-east-1:999999999999:done"
    for call in (sns.get_topic_attributes, sns.delete_topic, sns.list_subscriptions_by_topic):
        refused("AuthorizationError", 403, call, TopicArn=other)
    refused("InvalidParameter", 400, sns.delete_topic, TopicArn="done")


def test_a_topic_of_one_account_is_invisible_to_another(sns: Any, installation: Installation) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    request = {"TopicArn": arn, "Protocol": "http", "Endpoint": HOOK, "ReturnSubscriptionArn": True}
    subscription = sns.subscribe(**request)["SubscriptionArn"]
    other = installation.client(installation.services.keys.create("999999999999"))
    assert other.list_topics()["Topics"] == []
    assert other.list_subscriptions()["Subscriptions"] == []
    for call, members in (
        (other.publish, {"TopicArn": arn, "Message": "m"}),
        (other.subscribe, request),
        (other.unsubscribe, {"SubscriptionArn": subscription}),
        (other.delete_topic, {"TopicArn": arn}),
    ):
        refused("AuthorizationError", 403, call, **members)


def test_keys_that_are_not_ours_are_refused(installation: Installation) -> None:
    stranger = replace(installation.key, secret="wrong")
    refused("SignatureDoesNotMatch", 403, installation.client(stranger).list_topics)


def test_lists_page_by_a_hundred(sns: Any) -> None:
    names = [f"topic-{number:03}" for number in range(205)]
    for name in names:
        sns.create_topic(Name=name)
    pages = list(sns.get_paginator("list_topics").paginate())
    assert [len(page["Topics"]) for page in pages] == [100, 100, 5]
    assert [topic["TopicArn"] for page in pages for topic in page["Topics"]] == [f"{PREFIX}{name}" for name in names]


@pytest.mark.parametrize("last", [None, b"", b"arn", b"\xff", b"arn:aws:sns:us-east-1:1:a\0"])
def test_only_our_own_page_tokens_are_taken(sns: Any, last: bytes | None) -> None:
    token = "!" if last is None else base64.urlsafe_b64encode(last).decode()
    assert "NextToken" in refused("InvalidParameter", 400, sns.list_topics, NextToken=token)


def test_subscriptions_page_by_a_hundred(sns: Any) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    for number in range(101):
        sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=f"{HOOK}/{number}")
    for paginator, request in (("list_subscriptions", {}), ("list_subscriptions_by_topic", {"TopicArn": arn})):
        pages = list(sns.get_paginator(paginator).paginate(**request))
        found = [one for page in pages for one in page["Subscriptions"]]
        assert [len(page["Subscriptions"]) for page in pages] == [100, 1]
        assert {one["Endpoint"] for one in found} == {f"{HOOK}/{number}" for number in range(101)}
        assert {one["SubscriptionArn"] for one in found} == {"PendingConfirmation"}


def test_subscribe_tells_the_arn_only_when_asked(sns: Any, installation: Installation) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    request = {"TopicArn": arn, "Protocol": "http", "Endpoint": HOOK}
    assert sns.subscribe(**request)["SubscriptionArn"] == "pending confirmation"
    told = sns.subscribe(**request, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert uuid.UUID(told.removeprefix(f"{arn}:"))
    assert len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1
    assert installation.wake_ups.deliveries == 2


@pytest.mark.parametrize(
    ("protocol", "endpoint", "named"),
    [
        ("sqs", "arn:aws:sqs:us-east-1:1:q", "SQS endpoint ARN"),
        ("sqs", "http://127.0.0.1/", "SQS endpoint ARN"),
        ("sqs", f"arn:aws:sqs:us-east-1:{ACCOUNT}:q.fifo", "FIFO SQS Queues"),
        ("sqs", "arn:aws:sqs:us-east-1:999999999999:q", "999999999999"),
        ("lambda", "arn:aws:lambda:us-east-1:1:function:f", "only http, https, sqs"),
        ("gopher", "gopher://127.0.0.1/", "does not support this protocol string: gopher"),
        ("http", "", "no value for required parameter"),
        ("http", "https://127.0.0.1/", "must match the specified protocol"),
        ("http", "http:///path", "host"),
        ("http", "http://127.0.0.1:0/", "ports go from 1 to 65535"),
        ("http", "http://127.0.0.1:99999/", "ports go from 1 to 65535"),
        ("http", "not a url", "Endpoint"),
        ("http", "http://127.0.0.1/" + "x" * 2048, "longer than 2048"),
        ("http", "http://169.254.169.254/latest/meta-data", "REELSIGHT_WEBHOOK_NETWORKS"),
        ("https", "https://[::ffff:10.0.0.1]/", "REELSIGHT_WEBHOOK_NETWORKS"),
        ("http", "http://no-such-host.invalid/", "cannot be resolved"),
    ],
)
def test_endpoints_are_checked_when_subscribing(sns: Any, protocol: str, endpoint: str, named: str) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    assert named in refused("InvalidParameter", 400, sns.subscribe, TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
    assert sns.list_subscriptions()["Subscriptions"] == []


def test_loopback_is_refused_where_the_service_is_open_to_others(tmp_path: Path) -> None:
    with installed(tmp_path, host="0.0.0.0", public_url=None) as open_to_all:
        assert open_to_all.post({"Action": "CreateTopic", "Name": "done"}).status_code == 200
        form = {"Action": "Subscribe", "TopicArn": f"{PREFIX}done", "Protocol": "http", "Endpoint": HOOK}
        answer = open_to_all.post(form)
        assert answer.status_code == 400
        assert "127.0.0.1" in answer.text


def test_unknown_topics_and_attributes_are_refused(sns: Any) -> None:
    refused("NotFound", 404, sns.subscribe, TopicArn=f"{PREFIX}none", Protocol="http", Endpoint=HOOK)
    arn = sns.create_topic(Name="done")["TopicArn"]
    request = {"TopicArn": arn, "Protocol": "http", "Endpoint": HOOK, "Attributes": {"Color": "red"}}
    assert "'Color'" in refused("InvalidParameter", 400, sns.subscribe, **request)


def test_unsubscribe_ends_a_subscription_of_the_account(sns: Any) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    request = {"TopicArn": arn, "Protocol": "http", "Endpoint": HOOK, "ReturnSubscriptionArn": True}
    subscription = sns.subscribe(**request)["SubscriptionArn"]
    sns.unsubscribe(SubscriptionArn=subscription)
    assert sns.list_subscriptions()["Subscriptions"] == []
    sns.unsubscribe(SubscriptionArn=subscription)
    for other in ("PendingConfirmation", arn):
        assert "SubscriptionArn" in refused("InvalidParameter", 400, sns.unsubscribe, SubscriptionArn=other)


def test_wrong_tokens_confirm_nothing(sns: Any) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    assert "Token" in refused("InvalidParameter", 400, sns.confirm_subscription, TopicArn=arn, Token="0" * 128)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Message": "é" * 131_073}, "too long"),
        ({"Subject": "two\nlines"}, "Subject"),
        ({"Subject": "x" * 101}, "Subject"),
        ({"MessageStructure": "xml"}, "MessageStructure"),
        ({"MessageStructure": "json", "Message": "{"}, "failed to parse"),
        ({"MessageStructure": "json", "Message": '{"http": "x"}'}, "default"),
        ({"MessageStructure": "json", "Message": '{"default": "\\ud83d"}'}, "string"),
        ({"MessageStructure": "json", "Message": '{"default": "a", "default": "b"}'}, "failed to parse"),
        ({"MessageDeduplicationId": "x"}, "MessageDeduplicationId"),
        ({"TargetArn": f"{PREFIX}done"}, "only one of them"),
        ({"TopicArn": ""}, "no value for required parameter"),
        ({"PhoneNumber": "+123123123"}, "text messages"),
        ({"TopicArn": "", "TargetArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:endpoint/GCM/app/x"}, "mobile push"),
    ],
)
def test_publish_is_checked(sns: Any, changes: dict[str, Any], named: str) -> None:
    arn = sns.create_topic(Name="done")["TopicArn"]
    assert named in refused("InvalidParameter", 400, sns.publish, **{"TopicArn": arn, "Message": "m", **changes})


def test_operations_not_built_are_named(sns: Any) -> None:
    message = refused("NotImplementedException", 501, sns.list_platform_applications)
    assert message.startswith("ListPlatformApplications is not served: this endpoint serves topics")


@pytest.mark.parametrize(
    ("form", "code", "status"),
    [
        ({}, "InvalidAction", 400),
        ({"Action": "Nonsense"}, "InvalidAction", 400),
        ({"Action": "CreateTopic"}, "InvalidParameter", 400),
        (
            {"Action": "Subscribe", "TopicArn": f"{PREFIX}x", "Protocol": "http", "ReturnSubscriptionArn": "y"},
            "InvalidParameter",
            400,
        ),
        (
            {"Action": "CreateTopic", "Name": "x", "Tags.member.1.Key": "k" * 129, "Tags.member.1.Value": ""},
            "InvalidParameter",
            400,
        ),
    ],
)
def test_forms_that_no_sdk_would_send(installation: Installation, form: dict[str, str], code: str, status: int) -> None:
    answer = installation.post(form)
    assert answer.status_code == status
    assert f"<Code>{code}</Code>" in answer.text
    assert answer.headers["content-type"].startswith("text/xml")


def test_unsigned_requests_reach_only_the_links_of_messages(installation: Installation) -> None:
    answer = httpx.get(installation.url, params={"Action": "ListTopics"})
    assert (answer.status_code, "AuthorizationError" in answer.text) == (403, True)
    answer = httpx.get(
        installation.url, params={"Action": "ConfirmSubscription", "TopicArn": f"{PREFIX}x", "Token": "t"}
    )
    assert (answer.status_code, "Token" in answer.text) == (400, True)


def test_the_aws_command_line_works_unchanged(installation: Installation, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("aws")
    if not program.exists():
        pytest.skip("the AWS CLI is not installed")
    environment = {
        "AWS_ACCESS_KEY_ID": installation.key.id,
        "AWS_SECRET_ACCESS_KEY": installation.key.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
    }
    arguments = [
        str(program),
        "--endpoint-url",
        installation.url,
        "sns",
        "create-topic",
        "--name",
        "cli",
        "--output",
        "text",
    ]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{PREFIX}cli"
