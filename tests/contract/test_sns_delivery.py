"""Delivery to real webhooks: handshake, headers, retries on an injected clock, leases, lanes, limits."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import RowMapping, func, select

from pipeline.notify.delivery import deliver_due
from pipeline.notify.outbox import DeliveryState, Lane, anything_due
from pipeline.notify.retention import forget
from pipeline.notify.subscriptions import TOKEN_LIFE, Subscriptions
from pipeline.notify.webhook import MAX_RESPONSE_BYTES
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import deliveries, notifications, subscriptions
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, Received, Receiver, receiving
from tests.support.sns_installation import ACCOUNT, Installation, installed

__all__ = ["database_url", "postgres_server"]  # fixtures

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    with installed(tmp_path, database_url=database_url, webhook_timeout_s=5) as one:
        one.client().create_topic(Name="done")
        yield one


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Installation]:
    """One that gives up on receivers soon."""
    with installed(tmp_path, webhook_timeout_s=0.5) as one:
        one.client().create_topic(Name="done")
        yield one


def join(installation: Installation, receiver: Receiver) -> str:
    """ARN of a subscription of the receiver, confirmed through the link it was sent."""
    protocol = urlsplit(receiver.url).scheme
    request = {"TopicArn": TOPIC, "Protocol": protocol, "Endpoint": receiver.url, "ReturnSubscriptionArn": True}
    arn = installation.client().subscribe(**request)["SubscriptionArn"]
    assert installation.deliver() == 1
    httpx.get(receiver.messages("SubscriptionConfirmation")[-1]["SubscribeURL"]).raise_for_status()
    return str(arn)


def announce(installation: Installation, text: str = "hello", **more: Any) -> str | None:
    """MessageId of a message put into the outbox as a finished job does it."""
    services = installation.services
    with writing(services.engine) as connection:
        return services.outbox.add(connection, ACCOUNT, TOPIC, text, utcnow(), **more)


def rows(installation: Installation) -> list[RowMapping]:
    with reading(installation.services.engine) as connection:
        return list(connection.execute(select(deliveries)).mappings())


def latest(installation: Installation, message_id: str | None) -> RowMapping:
    return next(row for row in rows(installation) if row["notification_id"] == message_id)


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


def test_failures_are_retried_on_schedule_with_one_message_id_and_then_kept(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        receiver.answer = lambda _request: Answer(503, body=b"out of\nservice")
        message_id, now = announce(installation), utcnow()
        for attempt in range(1, 4):
            assert deliver_due(installation.services, now) == 1
            row = latest(installation, message_id)
            assert (row["state"], row["attempts"], row["last_code"]) == (DeliveryState.PENDING, attempt, 503)
            waited = row["next_at"] - now
            assert timedelta(seconds=20) <= waited < timedelta(seconds=40)
            assert deliver_due(installation.services, now + timedelta(seconds=15)) == 0
            now = row["next_at"]
        assert deliver_due(installation.services, now) == 1
        row = latest(installation, message_id)
        assert (row["state"], row["attempts"]) == (DeliveryState.DEAD, 4)
        assert row["last_error"] == "HTTP 503 out of service"
        assert deliver_due(installation.services, now + timedelta(days=1)) == 0
        tries = [r for r in receiver.requests if r.headers["x-amz-sns-message-type"] == "Notification"]
        assert [r.headers["x-amz-sns-message-id"] for r in tries] == [message_id] * 4
        with writing(installation.services.engine) as connection:
            forget(connection, now + timedelta(days=8), timedelta(days=7))
        assert [row["notification_id"] for row in rows(installation)] == [message_id]


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (200, DeliveryState.DELIVERED),
        (204, DeliveryState.DELIVERED),
        (302, DeliveryState.PENDING),
        (400, DeliveryState.DEAD),
        (404, DeliveryState.DEAD),
        (429, DeliveryState.PENDING),
        (500, DeliveryState.PENDING),
    ],
)
def test_what_a_status_means(small: Installation, code: int, state: DeliveryState) -> None:
    with receiving() as receiver, receiving() as elsewhere:
        join(small, receiver)
        receiver.answer = lambda _request: Answer(code, {"Location": elsewhere.url}, b"")
        message_id = announce(small)
        small.deliver()
        assert latest(small, message_id)["state"] == state
        assert elsewhere.requests == []


def test_a_dead_receiver_is_a_failure_that_is_told(small: Installation) -> None:
    with receiving() as receiver:
        join(small, receiver)
    message_id = announce(small)
    assert small.deliver() == 1
    row = latest(small, message_id)
    assert (row["state"], row["last_code"]) == (DeliveryState.PENDING, None)
    assert "ConnectError" in row["last_error"]


def test_patience_is_bounded_in_time(small: Installation) -> None:
    over = threading.Event()

    def dawdle(_request: Received) -> Answer:
        over.wait(20)
        return Answer()

    with receiving() as receiver:
        join(small, receiver)
        receiver.answer = dawdle
        message_id = announce(small)
        small.deliver()
        over.set()
        assert latest(small, message_id)["last_error"] == "no response within 0.5 s"


def test_of_a_long_response_a_bounded_part_is_read(small: Installation) -> None:
    with receiving() as receiver:
        join(small, receiver)
        receiver.answer = lambda _request: Answer(500, body=b"x" * (MAX_RESPONSE_BYTES * 200))
        message_id = announce(small)
        small.deliver()
        assert latest(small, message_id)["last_error"] == "HTTP 500 " + "x" * 200


def test_names_that_turn_private_after_subscribing_are_not_connected_to(small: Installation) -> None:
    with receiving() as receiver:
        join(small, receiver)
        message_id = announce(small)
        asked: list[str] = []

        def rebound(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["169.254.169.254"]

        deliver_due(small.services, resolver=rebound)
        row = latest(small, message_id)
        assert asked == ["127.0.0.1"]
        assert (row["state"], row["attempts"]) == (DeliveryState.PENDING, 1)
        assert "169.254.169.254" in row["last_error"]


def test_the_connection_goes_to_the_address_that_was_checked(small: Installation) -> None:
    with receiving() as receiver:
        port = urlsplit(receiver.url).port
        join(small, receiver)
        with writing(small.services.engine) as connection:
            connection.execute(subscriptions.update().values(endpoint=f"http://user:p%40ss@hook.example:{port}/in?a=1"))
        announce(small)
        deliver_due(small.services, resolver=lambda _host, _port: ["127.0.0.1"])
        request = receiver.requests[-1]
        assert request.headers["host"] == f"hook.example:{port}"
        assert request.path == "/in?a=1"
        assert request.headers["authorization"] == "Basic dXNlcjpwQHNz"


def test_two_deliverers_deliver_once(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        ids = {announce(installation, str(number)) for number in range(20)}
        together(2, lambda: deliver_due(installation.services))
        came = [m["MessageId"] for m in receiver.messages("Notification")]
        assert sorted(came) == sorted(str(one) for one in ids)
        assert all(row["state"] == DeliveryState.DELIVERED and row["claims"] == 1 for row in rows(installation))


def together(count: int, call: Callable[[], object]) -> None:
    """Calls at the same moment from several threads."""
    barrier = threading.Barrier(count)
    failures: list[BaseException] = []

    def run() -> None:
        barrier.wait()
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_many_subscribing_at_once_make_one_subscription(installation: Installation) -> None:
    with receiving() as receiver:
        request = {"TopicArn": TOPIC, "Protocol": "http", "Endpoint": receiver.url}
        clients = [installation.client() for _ in range(4)]
        together(4, lambda: clients.pop().subscribe(**request))
        assert len(installation.client().list_subscriptions()["Subscriptions"]) == 1
        installation.deliver()
        assert len(receiver.requests) == 1


def test_a_slow_receiver_does_not_delay_another(installation: Installation) -> None:
    release = threading.Event()

    def stuck(_request: Received) -> Answer:
        release.wait(30)
        return Answer()

    with receiving() as slow, receiving() as fast:
        join(installation, slow)
        join(installation, fast)
        slow.answer = stuck
        for number in range(30):
            announce(installation, str(number))
        worker = threading.Thread(target=installation.deliver)
        worker.start()
        fast.wait_for(31)
        announce(installation, "published meanwhile")
        fast.wait_for(32)
        assert len(slow.messages("Notification")) == 1
        release.set()
        slow.wait_for(32)
        worker.join()
        assert [m["Message"] for m in slow.messages("Notification")][-1] == "published meanwhile"


def test_a_subscriber_that_failed_leaves_the_lane_of_the_proven(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        receiver.answer = lambda _request: Answer(500)
        announce(installation)
        installation.deliver()
        announce(installation)
        assert due(installation) == {Lane.PROVEN: 0, Lane.OTHERS: 1}
        receiver.answer = lambda _request: Answer()
        installation.deliver()
        announce(installation)
        assert due(installation) == {Lane.PROVEN: 1, Lane.OTHERS: 0}


def due(installation: Installation) -> dict[Lane, int]:
    with reading(installation.services.engine) as connection:
        return {lane: len(installation.services.outbox.due(connection, utcnow(), lane, 10)) for lane in Lane}


def test_what_a_killed_worker_held_is_delivered_when_its_lease_ends(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        announce(installation)
        now, lease, outbox = utcnow(), timedelta(seconds=60), installation.services.outbox
        with writing(installation.services.engine) as connection:
            keys = outbox.due(connection, now, Lane.PROVEN, 1)
            [held] = outbox.claim(connection, keys, now, lease)
            assert outbox.claim(connection, keys, now, lease) == []
        assert installation.deliver() == 0
        assert deliver_due(installation.services, now + lease) == 1
        assert len(receiver.messages("Notification")) == 1
        with writing(installation.services.engine) as connection:
            late = {"state": DeliveryState.DEAD.value}
            assert not outbox.settle(connection, held, late, failed=False)
        assert latest(installation, held.notification.id)["state"] == DeliveryState.DELIVERED


def test_the_outbox_shares_the_fate_of_its_transaction(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        services = installation.services
        with services.engine.connect() as connection:
            transaction = connection.begin()
            services.outbox.add(connection, ACCOUNT, TOPIC, "never", utcnow())
            transaction.rollback()
        assert installation.deliver() == 0


def test_an_event_is_announced_once(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        together(3, lambda: announce(installation, dedupe_key="job-1:SUCCEEDED"))
        assert announce(installation, dedupe_key="job-1:SUCCEEDED") is None
        assert installation.deliver() == 1
        assert len(receiver.messages("Notification")) == 1


def test_delivered_notifications_are_forgotten(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        announce(installation)
        installation.deliver()
    services = installation.services
    with writing(services.engine) as connection:
        forget(connection, utcnow(), timedelta(days=7))
        assert connection.execute(select(func.count()).select_from(notifications)).scalar() == 2
        forget(connection, utcnow() + timedelta(seconds=1), timedelta())
        assert connection.execute(select(func.count()).select_from(notifications)).scalar() == 0
        assert connection.execute(select(func.count()).select_from(deliveries)).scalar() == 0


def test_whether_a_wake_up_is_worth_it(installation: Installation) -> None:
    def worth(now: datetime) -> bool:
        with reading(installation.services.engine) as connection:
            return anything_due(connection, now)

    with receiving() as receiver:
        join(installation, receiver)
        assert not worth(utcnow())
        announce(installation)
        assert worth(utcnow())
        installation.client().delete_topic(TopicArn=TOPIC)
        assert not worth(utcnow())
        assert installation.deliver() == 0


def test_each_protocol_gets_its_text_and_attributes_are_shown(installation: Installation) -> None:
    with receiving() as receiver:
        join(installation, receiver)
        installation.client().publish(
            TargetArn=TOPIC,
            Message='{"default": "for all", "http": "für http"}',
            MessageStructure="json",
            MessageAttributes={
                "n": {"DataType": "Number", "StringValue": "7"},
                "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
            },
        )
        installation.deliver()
        [message] = receiver.messages("Notification")
        assert message["Message"] == "für http"
        assert message["MessageAttributes"] == {
            "n": {"Type": "Number", "Value": "7"},
            "b": {"Type": "Binary", "Value": "AAE="},
        }
