"""Attributes of topics and subscriptions: what is set is shown, and what cannot be is refused in the words of SNS."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.support.receiver import receiving
from tests.support.sns_calls import HOOK, installation, joined, message_of, put, shown, sns
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["installation", "sns"]

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:done"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/feedback"
POLICY = '{"Status": ["FAILED"]}'
NESTED = '{"Video": {"S3ObjectName": [{"suffix": ".mp4"}]}}'


@pytest.fixture
def topic(sns: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    arn = sns.create_topic(Name=f"t{abs(hash(request.node.nodeid))}")["TopicArn"]
    yield arn
    sns.delete_topic(TopicArn=arn)


def test_topic_attributes_are_stored_and_shown(sns: Any, topic: str) -> None:
    access = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish"}]})
    stored = {
        "DeliveryPolicy": '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 5}}}',
        "DisplayName": "Fertig",
        "HTTPSuccessFeedbackRoleArn": ROLE,
        "HTTPSuccessFeedbackSampleRate": "50",
        "KmsMasterKeyId": "alias/aws/sns",
        "MaximumMessageSize": "2048",
        "Policy": access,
        "SQSFailureFeedbackRoleArn": ROLE,
        "SignatureVersion": "2",
        "TracingConfig": "Active",
    }
    for name, value in stored.items():
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue=value)
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert {name: found[name] for name in stored} == stored
    assert json.loads(found["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 5
    name = topic.rpartition(":")[2]
    reordered = '{"http":{"defaultHealthyRetryPolicy":{"numRetries":5}}}'
    again = sns.create_topic(Name=name, Attributes={**stored, "DeliveryPolicy": reordered, "FifoTopic": "false"})
    assert again["TopicArn"] == topic
    assert "TracingConfig" in message_of(sns.create_topic, Name=name, Attributes={"TracingConfig": "PassThrough"})
    for name in ("DeliveryPolicy", "KmsMasterKeyId", "HTTPSuccessFeedbackRoleArn"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName=name, AttributeValue="")
    found = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert not found.keys() & {"DeliveryPolicy", "KmsMasterKeyId", "HTTPSuccessFeedbackRoleArn"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ArchivePolicy", "{}"),
        ("ContentBasedDeduplication", "true"),
        ("DeliveryPolicy", '{"http": 5}'),
        ("DisplayName", "x" * 101),
        ("FifoTopic", "true"),
        ("HTTPSuccessFeedbackSampleRate", "101"),
        ("KmsMasterKeyId", "a key"),
        ("LambdaFailureFeedbackRoleArn", "me"),
        ("MaximumMessageSize", "262145"),
        ("MaximumMessageSize", "1023"),
        ("Owner", "999999999999"),
        ("Policy", ""),
        ("Policy", "[]"),
        ("Policy", "[" * 5000),
        ("Policy", '{"Statement": [{"Effect": "Perhaps"}]}'),
        ("Policy", json.dumps({"Statement": [{"Effect": "Allow", "Sid": "x" * 30_720}]})),
        ("SignatureVersion", "3"),
        ("TopicArn", "x"),
        ("TracingConfig", "Sometimes"),
    ],
)
def test_topic_attributes_that_cannot_be_set(sns: Any, topic: str, name: str, value: str) -> None:
    before = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    words = message_of(sns.set_topic_attributes, TopicArn=topic, AttributeName=name, AttributeValue=value)
    assert name in words
    request = {"Name": "never", "Attributes": {name: value}}
    assert message_of(sns.create_topic, **request).startswith("Invalid parameter: Attributes Reason: ")
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"] == before


def test_a_subscription_shows_what_sns_shows(sns: Any, topic: str) -> None:
    arn = joined(sns, topic)
    found = shown(sns, arn)
    policy = json.loads(found.pop("EffectiveDeliveryPolicy"))
    assert policy["healthyRetryPolicy"]["numRetries"] == 3
    assert found == {
        "ConfirmationWasAuthenticated": "false",
        "Endpoint": HOOK,
        "Owner": ACCOUNT,
        "PendingConfirmation": "true",
        "Protocol": "http",
        "RawMessageDelivery": "false",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": f"arn:aws:iam::{ACCOUNT}:root",
        "TopicArn": topic,
    }


def test_subscription_attributes_are_stored_and_shown(sns: Any, topic: str) -> None:
    stored = {
        "DeliveryPolicy": '{"healthyRetryPolicy": {"numRetries": 7}}',
        "FilterPolicy": NESTED,
        "FilterPolicyScope": "MessageBody",
        "RawMessageDelivery": "true",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE}),
    }
    at_once, later = joined(sns, topic, **stored), joined(sns, topic, HOOK + "/later")
    for name in ("FilterPolicyScope", *(stored.keys() - {"FilterPolicyScope"})):
        put(sns, later, name, stored[name])
    for arn in (at_once, later):
        found = shown(sns, arn)
        assert {name: found[name] for name in stored} == stored
        assert json.loads(found["EffectiveDeliveryPolicy"])["healthyRetryPolicy"]["numRetries"] == 7
    for name, nothing in (("FilterPolicy", "{}"), ("RedrivePolicy", ""), ("DeliveryPolicy", "")):
        put(sns, later, name, nothing)
    put(sns, later, "RawMessageDelivery", "False")
    found = shown(sns, later)
    assert not found.keys() & {"FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "DeliveryPolicy"}
    assert found["RawMessageDelivery"] == "false"


def test_the_scope_is_shown_with_a_policy_only(sns: Any, topic: str) -> None:
    arn = joined(sns, topic)
    put(sns, arn, "FilterPolicyScope", "MessageBody")
    assert "FilterPolicyScope" not in shown(sns, arn)
    put(sns, arn, "FilterPolicy", POLICY)
    assert shown(sns, arn)["FilterPolicyScope"] == "MessageBody"
    other = joined(sns, topic, HOOK + "/other", FilterPolicy=POLICY)
    assert shown(sns, other)["FilterPolicyScope"] == "MessageAttributes"


def test_a_policy_that_does_not_fit_its_scope_is_refused(sns: Any, topic: str) -> None:
    arn = joined(sns, topic)
    request = {"SubscriptionArn": arn, "AttributeName": "FilterPolicy", "AttributeValue": NESTED}
    words = "Filter policy scope MessageAttributes does not support nested filter policy"
    assert message_of(sns.set_subscription_attributes, **request) == f"Invalid parameter: {words}"
    put(sns, arn, "FilterPolicyScope", "MessageBody")
    put(sns, arn, "FilterPolicy", NESTED)
    request |= {"AttributeName": "FilterPolicyScope", "AttributeValue": "MessageAttributes"}
    assert words in message_of(sns.set_subscription_attributes, **request)
    assert shown(sns, arn)["FilterPolicyScope"] == "MessageBody"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FilterPolicy", '{"key":[{"suffix":100}]}', "FilterPolicy: suffix match pattern must be a string"),
        ("FilterPolicy", '{"key":"value"}', 'FilterPolicy: "key" must be an object or an array'),
        ("FilterPolicy", "{", "FilterPolicy: failed to parse JSON"),
        ("FilterPolicyScope", "Moon", "FilterPolicyScope: Invalid value [Moon]. Please use either MessageBody or"),
        ("RawMessageDelivery", "maybe", "RawMessageDelivery: Invalid value [maybe]. Must be true or false."),
        ("RedrivePolicy", '{"deadLetterTargetArn": "x"}', "RedrivePolicy"),
        ("DeliveryPolicy", '{"healthyRetryPolicy": {"numRetries": -1}}', "DeliveryPolicy"),
        ("SubscriptionRoleArn", ROLE, "SubscriptionRoleArn Reason: only subscriptions with protocol firehose"),
        ("ReplayPolicy", "{}", "ReplayPolicy Reason: FIFO topics are not supported"),
        ("Endpoint", HOOK, "AttributeName Reason: subscriptions have no attribute 'Endpoint'"),
    ],
)
def test_subscription_attributes_that_cannot_be_set(sns: Any, topic: str, name: str, value: str, words: str) -> None:
    arn = joined(sns, topic)
    request = {"SubscriptionArn": arn, "AttributeName": name, "AttributeValue": value}
    assert message_of(sns.set_subscription_attributes, **request).startswith(f"Invalid parameter: {words}")
    request = {"TopicArn": topic, "Protocol": "http", "Endpoint": HOOK + "/new", "Attributes": {name: value}}
    assert message_of(sns.subscribe, **request).startswith(f"Invalid parameter: Attributes Reason: {words}")
    assert name == "Endpoint" or shown(sns, arn).get(name) != value


def test_subscribing_again_gives_the_same_subscription_or_says_what_differs(sns: Any, topic: str) -> None:
    arn = joined(sns, topic, FilterPolicy=POLICY)
    assert joined(sns, topic, FilterPolicy='{"Status":["FAILED"]}', RawMessageDelivery="FALSE") == arn
    assert joined(sns, topic) == arn
    for attributes in ({"FilterPolicy": NESTED, "FilterPolicyScope": "MessageBody"}, {"RawMessageDelivery": "true"}):
        request = {"TopicArn": topic, "Protocol": "http", "Endpoint": HOOK, "Attributes": attributes}
        expected = "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
        assert message_of(sns.subscribe, **request) == expected


def test_queues_of_the_account_are_confirmed_at_once(sns: Any, topic: str) -> None:
    request = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE}
    arn = sns.subscribe(**request)["SubscriptionArn"]
    assert arn.startswith(f"{topic}:")
    found = shown(sns, arn)
    assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("false", "true")
    assert "EffectiveDeliveryPolicy" not in found
    assert sns.subscribe(**request)["SubscriptionArn"] == arn
    set_policy = {"AttributeName": "DeliveryPolicy", "AttributeValue": '{"healthyRetryPolicy": {"numRetries": 7}}'}
    assert "sqs" in message_of(sns.set_subscription_attributes, SubscriptionArn=arn, **set_policy)


def test_whether_a_confirmation_was_signed_is_shown(sns: Any, installation: Installation, topic: str) -> None:
    with receiving() as receiver, receiving() as signing:
        by_link, by_request = (joined(sns, topic, one.url) for one in (receiver, signing))
        installation.deliver()
        httpx.get(receiver.messages("SubscriptionConfirmation")[0]["SubscribeURL"]).raise_for_status()
        token = signing.messages("SubscriptionConfirmation")[0]["Token"]
        sns.confirm_subscription(TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
    for arn, authenticated in ((by_link, "false"), (by_request, "true")):
        found = shown(sns, arn)
        assert (found["PendingConfirmation"], found["ConfirmationWasAuthenticated"]) == ("false", authenticated)


def test_what_was_ended_by_its_link_begins_anew(sns: Any, installation: Installation, topic: str) -> None:
    arn = joined(sns, topic, FilterPolicy=POLICY)
    link = {"Action": "Unsubscribe", "SubscriptionArn": arn}
    httpx.get(installation.url, params=link).raise_for_status()
    with pytest.raises(ClientError, match="NotFound"):
        shown(sns, arn)
    assert joined(sns, topic, RawMessageDelivery="true") == arn
    found = shown(sns, arn)
    assert ("FilterPolicy" in found, found["RawMessageDelivery"]) == (False, "true")


def test_attributes_of_others_and_of_nothing(sns: Any, installation: Installation, topic: str) -> None:
    arn = joined(sns, topic)
    other = installation.client(installation.services.keys.create("999999999999"))
    change = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    for call, more in ((other.get_subscription_attributes, {}), (other.set_subscription_attributes, change)):
        with pytest.raises(ClientError, match="AuthorizationError"):
            call(SubscriptionArn=arn, **more)
    for wrong in ("PendingConfirmation", "arn:aws:sns:us-east-1"):
        assert "An ARN must have at least 6 elements" in message_of(
            sns.get_subscription_attributes, SubscriptionArn=wrong
        )
    with pytest.raises(ClientError, match="NotFound"):
        shown(sns, f"{topic}:00000000-0000-0000-0000-000000000000")


def test_two_changes_at_once_are_both_kept(installation: Installation, sns: Any, topic: str) -> None:
    arn = joined(sns, topic)
    changes = {
        "RawMessageDelivery": "true",
        "FilterPolicy": POLICY,
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": QUEUE}),
    }
    barrier = threading.Barrier(len(changes))

    def change(name: str, value: str) -> None:
        client = installation.client()
        barrier.wait()
        put(client, arn, name, value)

    threads = [threading.Thread(target=change, args=one) for one in changes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = shown(sns, arn)
    assert {name: found[name] for name in changes} == changes


def test_policies_of_a_topic_are_bounded(sns: Any, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.notify.subscriptions.MAX_POLICIES", 3)
    policies = [json.dumps({"n": [number]}) for number in range(4)]
    arns = [joined(sns, topic, f"{HOOK}/{number}", FilterPolicy=policies[number]) for number in range(3)]
    joined(sns, topic, f"{HOOK}/same", FilterPolicy=policies[2])
    joined(sns, topic, f"{HOOK}/none")
    with pytest.raises(sns.exceptions.FilterPolicyLimitExceededException, match="at most 3"):
        joined(sns, topic, f"{HOOK}/more", FilterPolicy=policies[3])
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert f"{HOOK}/more" not in {one["Endpoint"] for one in listed}
    put(sns, arns[0], "FilterPolicy", policies[3])  # one goes, one comes
    with pytest.raises(sns.exceptions.FilterPolicyLimitExceededException):
        put(sns, joined(sns, topic, f"{HOOK}/late"), "FilterPolicy", policies[0])
