"""Many deliveries and many deliverers: backlogs, bounded rates, killed processes, plans of the queries."""

import signal
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text

from pipeline.notify.delivery import deliver_due
from pipeline.notify.due import candidates
from pipeline.notify.outbox import Lane
from pipeline.notify.states import DeliveryState, SubscriptionState
from pipeline.settings import environment
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import deliveries, subscriptions
from tests.support.aws_server import break_in, configure
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Answer, receiving
from tests.support.sns_deliveries import TOPIC, announce, installation, join, latest, rows, small, together
from tests.support.sns_installation import ACCOUNT, Installation

__all__ = ["database_url", "installation", "postgres_server", "small"]  # fixtures

DELIVER = """
import threading
from pipeline.notify.delivery import deliver_due
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
settings = Settings()
deliver_due(Services.from_settings(settings, CeleryQueue(make_app(settings))))
"""


def crowd(installation: Installation, count: int, endpoint: str) -> list[str]:
    """ARNs of confirmed subscriptions, written as many at a time as a table takes."""
    now = utcnow()
    values = [
        {
            "arn": f"{TOPIC}:{number:08}",
            "topic_arn": TOPIC,
            "account": ACCOUNT,
            "protocol": "http",
            "endpoint": f"{endpoint}/{number}",
            "endpoint_hash": f"{number:064}",
            "attributes": {},
            "state": SubscriptionState.CONFIRMED.value,
            "signed_unsubscribe": False,
            "token": f"{number:0128}",
            "token_expires_at": now,
            "failures": 0,
            "created_at": now,
        }
        for number in range(count)
    ]
    with writing(installation.services.engine) as connection:
        connection.execute(insert(subscriptions), values)
    return [str(one["arn"]) for one in values]


def test_a_long_backlog_of_one_hides_nobody(installation: Installation) -> None:
    arns = crowd(installation, 5, "http://127.0.0.1:1")
    for number in range(3):
        announce(installation, str(number))
    with reading(installation.services.engine) as connection:
        found = candidates(connection, utcnow(), Lane.PROVEN, 3)
        assert [one.subscription_arn for one in found] == arns[:3]
        rest = candidates(connection, utcnow(), Lane.PROVEN, 3, found[-1].subscription_arn)
        assert [one.subscription_arn for one in rest] == arns[3:]
        first = (
            connection.execute(select(deliveries.c.notification_id).order_by(deliveries.c.next_at)).scalars().first()
        )
        assert {one.notification_id for one in found} == {first}
    break_in(installation, arns[0], failures=1)
    break_in(installation, arns[1], resume_at=utcnow() + timedelta(hours=1))
    with reading(installation.services.engine) as connection:
        assert [one.subscription_arn for one in candidates(connection, utcnow(), Lane.PROVEN, 9)] == arns[2:]
        assert [one.subscription_arn for one in candidates(connection, utcnow(), Lane.OTHERS, 9)] == arns[:1]


def test_looking_for_what_is_due_reads_an_index(installation: Installation) -> None:
    crowd(installation, 200, "http://127.0.0.1:1")
    for number in range(20):
        announce(installation, str(number))
    engine = installation.services.engine
    asked: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *a: asked.append((a[2], a[3])))
    with reading(engine) as connection:
        candidates(connection, utcnow(), Lane.PROVEN, 50)
        statement, parameters = asked[-1]
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))  # of a table this small all is read at once
        explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(explain + statement, parameters))
    assert plan.count("ix_deliveries_state_subscription_arn_next_at") >= 3, plan
    assert "SCAN deliveries" not in plan
    assert "Seq Scan on deliveries" not in plan


def test_a_bounded_rate_holds_for_all_deliverers_together(installation: Installation) -> None:
    with receiving() as receiver:
        arn = join(installation, receiver)
        configure(installation, arn, DeliveryPolicy={"throttlePolicy": {"maxReceivesPerSecond": 10}})
        begun = utcnow()
        for number in range(6):
            announce(installation, str(number))
        together(2, lambda: deliver_due(installation.services))
        assert len(receiver.messages("Notification")) == 6
        with reading(installation.services.engine) as connection:
            resume_at = connection.execute(select(subscriptions.c.resume_at)).scalar_one()
        assert resume_at >= begun + timedelta(seconds=0.6)
        assert {row["state"] for row in rows(installation)} == {DeliveryState.DELIVERED}


def test_retries_at_once_come_in_the_same_round(small: Installation) -> None:
    with receiving() as receiver:
        arn = join(small, receiver)
        retry = {"numRetries": 4, "numNoDelayRetries": 3}
        configure(small, arn, DeliveryPolicy={"healthyRetryPolicy": retry})
        receiver.answer = lambda _request: Answer(500)
        message_id = announce(small)
        assert small.deliver() == 4
        row = latest(small, message_id)
        assert (row["state"], row["attempts"]) == (DeliveryState.PENDING, 4)
        waited = row["next_at"] - utcnow()
        assert timedelta(seconds=10) < waited <= timedelta(seconds=22)


def test_the_dead_hold_no_place_of_the_living(small: Installation) -> None:
    """More that do not answer than there are places for proven ones, all of them first in line."""
    with receiving() as slow, receiving() as live:
        over = threading.Event()
        slow.answer = lambda _request: Answer() if over.wait(20) else Answer(500)
        crowd(small, 80, slow.url)
        with writing(small.services.engine) as connection:
            last = {"arn": f"{TOPIC}:zz", "endpoint": live.url, "endpoint_hash": "z" * 64, "token": "z"}
            template = connection.execute(select(subscriptions).limit(1)).mappings().one()
            connection.execute(insert(subscriptions).values({**template, **last}))
        announce(small)
        worker = threading.Thread(target=small.deliver)
        worker.start()
        live.wait_for(1)
        over.set()
        worker.join()


@pytest.mark.slow
def test_a_deliverer_killed_in_mid_delivery_delivers_nothing_else_and_another_does(installation: Installation) -> None:
    with receiving() as receiver:
        over = threading.Event()
        join(installation, receiver)
        receiver.answer = lambda _request: Answer() if over.wait(60) else Answer(500)
        message_id = announce(installation)
        process = subprocess.Popen([sys.executable, "-c", DELIVER], env=environment(installation.services.settings))
        receiver.wait_for(2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        over.set()
        receiver.answer = lambda _request: Answer()
        assert installation.deliver() == 0
        assert deliver_due(installation.services, utcnow() + timedelta(minutes=2)) == 1
        came = [message["MessageId"] for message in receiver.messages("Notification")]
        assert came == [message_id] * 2
        assert latest(installation, message_id)["state"] == DeliveryState.DELIVERED
