"""Delivery to real webhooks: headers, retries on an injected clock, limits, concurrency."""

import threading
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from pipeline.notify.delivery import deliver_due
from pipeline.notify.outbox import DeliveryState
from pipeline.notify.retention import forget
from pipeline.notify.webhook import MAX_RESPONSE_BYTES
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import subscriptions
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, Received, receiving
from tests.support.sns_deliveries import TOPIC, announce, installation, join, latest, rows, small, together
from tests.support.sns_installation import Installation

__all__ = ["database_url", "installation", "postgres_server", "small"]  # fixtures


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


def test_many_subscribing_at_once_make_one_subscription(installation: Installation) -> None:
    with receiving() as receiver:
        request = {"TopicArn": TOPIC, "Protocol": "http", "Endpoint": receiver.url}
        clients = [installation.client() for _ in range(4)]
        together(4, lambda: clients.pop().subscribe(**request))
        assert len(installation.client().list_subscriptions()["Subscriptions"]) == 1
        installation.deliver()
        assert len(receiver.requests) == 1
