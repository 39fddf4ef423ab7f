"""An SNS installation with one topic, and what a test does with it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import RowMapping, select

from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import deliveries
from tests.support.databases import database_url, postgres_server
from tests.support.receiver import Receiver
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
