"""Queues as subscribers, queues of dead letters, and topics elsewhere, at a real server of SQS and SNS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.aws_access import AwsAccess
from pipeline.notify.aws import AwsClients
from pipeline.notify.retention import forget
from pipeline.notify.states import DeliveryState
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from tests.support.aws_server import Aws, aws, break_in, configure, subscribed_queue
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, receiving
from tests.support.sns_deliveries import TOPIC, announce, join, latest, rows
from tests.support.sns_installation import ACCOUNT, Installation, installed

__all__ = ["aws", "database_url", "postgres_server"]  # fixtures
OTHER = "arn:aws:sns:us-east-1:111122223333:elsewhere"


@pytest.fixture
def installation(tmp_path: Path, aws: Aws) -> Iterator[Installation]:
    with installed(tmp_path, webhook_timeout_s=5, aws_accounts=aws.access) as one:
        one.client().create_topic(Name="done")
        yield one


def test_a_queue_gets_the_envelope(installation: Installation, aws: Aws) -> None:
    queue = aws.queue("envelopes")
    subscribed_queue(installation, queue)
    sent = installation.client().publish(TopicArn=TOPIC, Subject="Ä", Message="Grüße 🎬")
    assert installation.deliver() == 1
    [message] = aws.received(queue)
    body = json.loads(message["Body"])
    assert (body["Type"], body["MessageId"], body["Subject"], body["Message"]) == (
        "Notification",
        sent["MessageId"],
        "Ä",
        "Grüße 🎬",
    )
    assert body["SigningCertURL"].endswith(".pem")
    assert "MessageAttributes" not in message


def test_a_raw_queue_gets_message_and_attributes(installation: Installation, aws: Aws) -> None:
    queue = aws.queue("raw")
    subscribed_queue(installation, queue, RawMessageDelivery="true")
    values = {
        "n": {"DataType": "Number", "StringValue": "7"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
        "list": {"DataType": "String.Array", "StringValue": '["a"]'},
    }
    installation.client().publish(TopicArn=TOPIC, Message="bare", MessageAttributes=values)
    installation.deliver()
    [message] = aws.received(queue)
    assert message["Body"] == "bare"
    assert message["MessageAttributes"]["b"]["BinaryValue"] == b"\x00\x01"
    assert message["MessageAttributes"]["n"] == values["n"]
    assert message["MessageAttributes"]["list"]["DataType"] == "String.Array"
    many = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)}
    sent = installation.client().publish(TopicArn=TOPIC, Message="too many", MessageAttributes=many)
    installation.deliver()
    row = latest(installation, sent["MessageId"])
    assert (row["state"], row["attempts"]) == (DeliveryState.DEAD, 1)
    assert "at most 10" in row["last_error"]


def test_a_queue_that_is_not_there_is_the_subscribers_fault(installation: Installation) -> None:
    subscribed_queue(installation, f"arn:aws:sqs:us-east-1:{ACCOUNT}:missing")
    message_id = announce(installation)
    installation.deliver()
    row = latest(installation, message_id)
    assert (row["state"], row["last_code"], row["attempts"]) == (DeliveryState.DEAD, 400, 1)
    assert "NonExistentQueue" in row["last_error"] or "QueueDoesNotExist" in row["last_error"]


def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path, aws: Aws) -> None:
    access = {ACCOUNT: {**aws.access[ACCOUNT], "endpoint_url": "http://127.0.0.1:1"}}
    with installed(tmp_path, aws_accounts=access) as one:
        one.client().create_topic(Name="done")
        subscribed_queue(one, f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue")
        message_id = announce(one)
        assert one.deliver() >= 4  # three retries at once
        row = latest(one, message_id)
        assert (row["state"], row["last_code"]) == (DeliveryState.PENDING, None)
        assert "EndpointConnectionError" in row["last_error"]
        assert "not checked there" not in row["last_error"]


def test_nothing_of_an_endpoint_but_region_and_name_is_used(installation: Installation, aws: Aws) -> None:
    """Whatever gets into the table: another account's queue is not asked for, nor another host."""
    arn = subscribed_queue(installation, aws.queue("mine"))
    with receiving() as elsewhere:
        for endpoint in (
            "arn:aws:sqs:us-east-1:999999999999:theirs",
            f"arn:aws:sqs:{elsewhere.url}:{ACCOUNT}:q",
            f"arn:aws:sqs:evil:{ACCOUNT}:q",
            elsewhere.url,
        ):
            break_in(installation, arn, endpoint=endpoint)
            message_id = announce(installation)
            installation.deliver()
            assert latest(installation, message_id)["state"] == DeliveryState.DEAD
        assert elsewhere.requests == []


def test_clients_of_regions_that_subscribers_name_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.notify.aws.MAX_CLIENTS", 2)
    access = AwsAccess(endpoint_url="http://127.0.0.1:9", access_key_id="a", secret_access_key=SecretStr("b"))
    clients = AwsClients({ACCOUNT: access}, 1)
    first = clients.client("sqs", ACCOUNT, "aa-bb-1")
    assert clients.client("sqs", ACCOUNT, "aa-bb-1") is first
    for number in (2, 3):
        clients.client("sqs", ACCOUNT, f"aa-bb-{number}")
    assert len(clients._made) == 2
    assert clients.client("sqs", ACCOUNT, "aa-bb-1") is not first


def test_without_access_there_is_nothing_to_call(tmp_path: Path) -> None:
    with installed(tmp_path) as one:
        one.client().create_topic(Name="done")
        subscribed_queue(one, f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue")
        message_id = announce(one)
        one.deliver()
        row = latest(one, message_id)
        assert row["state"] == DeliveryState.DEAD
        assert "REELSIGHT_AWS_ACCOUNTS" in row["last_error"]


def test_a_dead_letter_goes_to_its_queue(installation: Installation, aws: Aws) -> None:
    queue = aws.queue("dead")
    with receiving() as receiver:
        arn = join(installation, receiver)
        configure(installation, arn, RedrivePolicy={"deadLetterTargetArn": queue})
        receiver.answer = lambda _request: Answer(403, body=b"go\naway")
        message_id = announce(installation, "lost")
        installation.deliver()
    assert latest(installation, message_id)["state"] == DeliveryState.MOVED
    [letter] = aws.received(queue)
    body = json.loads(letter["Body"])
    assert (body["MessageId"], body["Message"], body["TopicArn"]) == (message_id, "lost", TOPIC)
    told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert told == {"RequestID": message_id, "ErrorCode": "403", "ErrorMessage": "HTTP 403 go away"}
    with writing(installation.services.engine) as connection:
        forget(connection, utcnow() + timedelta(days=8), timedelta(days=7))
    assert rows(installation) == []


def test_a_dead_letter_that_its_queue_does_not_take_is_kept(installation: Installation) -> None:
    with receiving() as receiver:
        arn = join(installation, receiver)
        missing = f"arn:aws:sqs:us-east-1:{ACCOUNT}:nowhere"
        configure(installation, arn, RedrivePolicy={"deadLetterTargetArn": missing})
        receiver.answer = lambda _request: Answer(410)
        message_id = announce(installation)
        installation.deliver()
    row = latest(installation, message_id)
    assert row["state"] == DeliveryState.DEAD
    assert row["last_error"].startswith(f"HTTP 410 thank you; the queue of dead letters {missing}: ")


@pytest.fixture
def upstream(tmp_path: Path, aws: Aws, database_url: str) -> Iterator[Installation]:
    """An installation whose account has its topics elsewhere."""
    with installed(tmp_path, database_url=database_url, aws_accounts=aws.access) as one:
        yield one


def publish(installation: Installation, text: str, **more: Any) -> str | None:
    """What the end of a job does."""
    services = installation.services
    with writing(services.engine) as connection:
        return services.outbox.add(connection, ACCOUNT, OTHER, text, utcnow(), **more)


def test_completions_go_to_a_topic_elsewhere_once(upstream: Installation, aws: Aws) -> None:
    queue = aws.queue("subscribed-elsewhere")
    sns = aws.client("sns")
    sns.create_topic(Name="elsewhere")
    sns.subscribe(TopicArn=OTHER, Protocol="sqs", Endpoint=queue)
    outbox = upstream.services.outbox
    assert outbox.is_elsewhere(ACCOUNT, OTHER)
    assert not outbox.is_elsewhere("999999999999", OTHER)
    assert not outbox.is_elsewhere(ACCOUNT, OTHER.replace(ACCOUNT, "999999999999"))
    assert publish(upstream, "ended", dedupe_key="job:1:SUCCEEDED")
    assert publish(upstream, "ended", dedupe_key="job:1:SUCCEEDED") is None
    assert upstream.deliver() == 1
    assert [json.loads(one["Body"])["Message"] for one in aws.received(queue)] == ["ended"]
    assert [row["state"] for row in rows(upstream)] == [DeliveryState.DELIVERED]
    with writing(upstream.services.engine) as connection:
        forget(connection, utcnow(), timedelta(days=7))
    sns.delete_topic(TopicArn=OTHER)
    lost = publish(upstream, "nobody is there")
    assert upstream.deliver() == 1
    row = latest(upstream, lost)
    assert (row["state"], row["last_code"]) == (DeliveryState.DEAD, 404)
    assert "NotFound" in row["last_error"]


def test_a_topic_that_is_here_stays_here(upstream: Installation) -> None:
    upstream.client().create_topic(Name="elsewhere")
    assert publish(upstream, "for nobody")
    assert rows(upstream) == []
