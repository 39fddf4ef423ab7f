"""The outbox: leases, lanes, announcing once, forgetting."""

import threading
from datetime import datetime, timedelta

from sqlalchemy import func, select

from pipeline.notify.delivery import deliver_due
from pipeline.notify.outbox import DeliveryState, Lane, anything_due
from pipeline.notify.retention import forget
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import deliveries, notifications
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, Received, receiving
from tests.support.sns_deliveries import TOPIC, announce, installation, join, latest, small, together
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["database_url", "installation", "postgres_server", "small"]  # fixtures


def test_a_slow_receiver_does_not_delay_another(installation: Installation) -> None:
    release = threading.Event()

    def stuck(_request: Received) -> Answer:
        release.wait(30)
        return Answer()

    with receiving() as slow, receiving() as fast:
        join(installation, slow)
        join(installation, fast)
        slow.answer = stuck
        for number in range(10):
            announce(installation, str(number))
        worker = threading.Thread(target=installation.deliver)
        worker.start()
        fast.wait_for(11)
        announce(installation, "published meanwhile")
        fast.wait_for(12)
        assert len(slow.messages("Notification")) == 1
        release.set()
        slow.wait_for(12)
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
