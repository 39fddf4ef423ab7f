"""Subscribing real webhooks: handshake, links, tokens, unsubscribing."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from botocore.exceptions import ClientError

from pipeline.notify.retention import forget
from pipeline.notify.subscriptions import TOKEN_LIFE, Subscriptions
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, Received, receiving
from tests.support.sns_deliveries import TOPIC, announce, installation, join, small
from tests.support.sns_installation import Installation

__all__ = ["database_url", "installation", "postgres_server", "small"]  # fixtures


def test_nothing_is_delivered_before_the_handshake_and_everything_after(installation: Installation) -> None:
    with receiving() as receiver:
        sns = installation.client()
        sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=receiver.url)
        announce(installation, "too early")
        installation.deliver()
        [request] = receiver.requests
        assert request.headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
        assert "x-amz-sns-subscription-arn" not in request.headers
        token = parse_qs(urlsplit(request.message["SubscribeURL"]).query)["Token"][0]
        assert token == request.message["Token"]
        arn = sns.confirm_subscription(TopicArn=TOPIC, Token=token)["SubscriptionArn"]
        assert sns.confirm_subscription(TopicArn=TOPIC, Token=token)["SubscriptionArn"] == arn
        assert sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=receiver.url)["SubscriptionArn"] == arn
        assert [one["SubscriptionArn"] for one in sns.list_subscriptions()["Subscriptions"]] == [arn]
        published = sns.publish(TopicArn=TOPIC, Message="now", Subject="Done")["MessageId"]
        assert installation.deliver() == 1
        request = receiver.requests[-1]
        assert {name: value for name, value in request.headers.items() if name.startswith("x-amz-")} == {
            "x-amz-sns-message-type": "Notification",
            "x-amz-sns-message-id": published,
            "x-amz-sns-topic-arn": TOPIC,
            "x-amz-sns-subscription-arn": arn,
        }
        assert request.headers["content-type"] == "text/plain; charset=UTF-8"
        assert request.headers["user-agent"] == "Amazon Simple Notification Service Agent"
        assert request.headers["host"] == urlsplit(receiver.url).netloc
        assert (request.message["Message"], request.message["Subject"]) == ("now", "Done")


def test_the_handshake_answers_with_the_arn_in_xml(installation: Installation) -> None:
    with receiving() as receiver:
        installation.client().subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=receiver.url)
        installation.deliver()
        answer = httpx.get(receiver.requests[0].message["SubscribeURL"])
        assert f"<SubscriptionArn>{TOPIC}:" in answer.text


def test_a_receiver_may_confirm_while_it_is_being_asked(installation: Installation) -> None:
    def confirm(request: Received) -> Answer:
        message = request.message
        if message["Type"] == "SubscriptionConfirmation":
            httpx.get(message["SubscribeURL"]).raise_for_status()
        return Answer()

    with receiving(confirm) as receiver:
        installation.client().subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=receiver.url)
        installation.deliver()
        announce(installation)
        installation.deliver()
        assert [request.message["Type"] for request in receiver.requests] == [
            "SubscriptionConfirmation",
            "Notification",
        ]
        assert installation.deliver() == 0


def test_tokens_expire(installation: Installation) -> None:
    with receiving() as receiver:
        installation.client().subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=receiver.url)
        installation.deliver()
    token, later = receiver.requests[0].message["Token"], utcnow() + TOKEN_LIFE + timedelta(seconds=1)
    owner = Subscriptions(installation.services.outbox)
    with writing(installation.services.engine) as connection:
        with pytest.raises(Exception, match="expired"):
            owner.confirm(connection, TOPIC, token, later, signed=False)
        forget(connection, later, timedelta(days=7))
    assert installation.client().list_subscriptions()["Subscriptions"] == []


def test_the_link_unsubscribes_and_the_last_message_restores(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        announce(installation)
        installation.deliver()
        link = receiver.messages("Notification")[0]["UnsubscribeURL"]
        announce(installation, "under way")
        httpx.get(link).raise_for_status()
        assert installation.client().list_subscriptions()["Subscriptions"] == []
        installation.deliver()
        [farewell] = receiver.messages("UnsubscribeConfirmation")
        assert len(receiver.messages("Notification")) == 1
        assert httpx.get(link).status_code == 404
        httpx.get(farewell["SubscribeURL"]).raise_for_status()
        announce(installation, "again")
        installation.deliver()
        assert receiver.messages("Notification")[-1]["Message"] == "again"


def test_a_subscription_can_ask_for_signed_unsubscribing(installation: Installation) -> None:
    with receiving() as receiver:
        sns = installation.client()
        sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=receiver.url)
        installation.deliver()
        invitation = receiver.requests[0].message
        unsigned = httpx.get(f"{invitation['SubscribeURL']}&AuthenticateOnUnsubscribe=true")
        assert unsigned.status_code == 403
        request = {"TopicArn": TOPIC, "Token": invitation["Token"], "AuthenticateOnUnsubscribe": "true"}
        arn = sns.confirm_subscription(**request)["SubscriptionArn"]
        announce(installation)
        installation.deliver()
        assert httpx.get(receiver.messages("Notification")[0]["UnsubscribeURL"]).status_code == 403
        sns.unsubscribe(SubscriptionArn=arn)
        assert sns.list_subscriptions()["Subscriptions"] == []


def test_a_password_of_an_endpoint_is_sent_and_not_shown(installation: Installation) -> None:
    with receiving() as receiver:
        sns = installation.client()
        url, expected = (f"{receiver.url.replace('://', f'://me:{word}@')}?at=a:b@c" for word in ("se%63ret", "****"))
        arn = sns.subscribe(TopicArn=TOPIC, Protocol="http", Endpoint=url, ReturnSubscriptionArn=True)[
            "SubscriptionArn"
        ]
        installation.deliver()
        assert receiver.requests[0].headers["authorization"] == "Basic bWU6c2VjcmV0"
        listed = [
            *sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"],
            *sns.list_subscriptions()["Subscriptions"],
        ]
        assert {one["Endpoint"] for one in listed} == {expected}
        assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["Endpoint"] == expected


def test_a_queue_of_dead_letters_is_of_the_same_account(installation: Installation) -> None:
    policy = '{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:999988887777:dead"}'
    sns, hook = installation.client(), {"TopicArn": TOPIC, "Protocol": "http", "Endpoint": "http://127.0.0.1:9/"}
    with pytest.raises(ClientError, match="is not a queue of account"):
        sns.subscribe(**hook, Attributes={"RedrivePolicy": policy})
    arn = sns.subscribe(**hook, ReturnSubscriptionArn=True)["SubscriptionArn"]
    change = {"SubscriptionArn": arn, "AttributeName": "RedrivePolicy"}
    with pytest.raises(ClientError, match="is not a queue of account"):
        sns.set_subscription_attributes(**change, AttributeValue=policy)
    sns.set_subscription_attributes(**change, AttributeValue=policy.replace("999988887777", TOPIC.split(":")[4]))
