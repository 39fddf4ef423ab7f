"""Who gets a notification: filter policies at fan-out, on both databases."""

import json
import threading
import tracemalloc
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select

from pipeline.jobs.types import Job, JobState, VideoRef
from pipeline.notify.fanout import BATCH
from pipeline.notify.filter_policy import filter_hash
from pipeline.notify.message import completion
from pipeline.notify.subscriptions import Subscriptions
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.migrate import downgrade, migrate
from pipeline.store.notify_schema import deliveries, subscriptions
from pipeline.store.revisions import chosen
from tests.support.databases import database_url, postgres_server
from tests.support.sns_installation import ACCOUNT, WakeUps

__all__ = ["database_url", "postgres_server"]  # fixtures

TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
FAILED_LABELS = {
    "FilterPolicy": '{"Status":["FAILED"],"API":["StartLabelDetection"]}',
    "FilterPolicyScope": "MessageBody",
}


@pytest.fixture
def services(tmp_path: Path, database_url: str) -> Iterator[Services]:
    one = Services.from_settings(Settings(data_dir=tmp_path, database_url=database_url), WakeUps())
    one.prepare()
    with writing(one.engine) as connection:
        one.topics.create(connection, TOPIC, {}, {}, utcnow())
    yield one
    one.close()


def subscribe(services: Services, name: str, *, protocol: str = "http", **attributes: str) -> str:
    """ARN of a confirmed subscription, the end of which is the name."""
    arn = f"{TOPIC}:{name}"
    with writing(services.engine) as connection:
        connection.execute(insert(subscriptions).values(row(arn, protocol, attributes)))
    return arn


def row(arn: str, protocol: str, attributes: dict[str, str]) -> dict[str, Any]:
    now = utcnow()
    return {
        "arn": arn,
        "topic_arn": TOPIC,
        "account": ACCOUNT,
        "protocol": protocol,
        "endpoint": f"{protocol}://{arn}",
        "endpoint_hash": uuid.uuid4().hex,
        "attributes": attributes,
        "filter_hash": filter_hash(attributes),
        "state": "CONFIRMED",
        "token": uuid.uuid4().hex,
        "token_expires_at": now + timedelta(days=3),
        "created_at": now,
    }


def published(services: Services, text: str, structure: str | None = None, **values: tuple[str, str]) -> set[str]:
    """Names of the subscriptions that get a message with these attributes: name -> type, value."""
    attributes = {name: {"Type": kind, "Value": value} for name, (kind, value) in values.items()}
    extra = {"attributes": attributes, "structure": structure}
    with writing(services.engine) as connection:
        message_id = services.outbox.add(connection, ACCOUNT, TOPIC, text, utcnow(), extra=extra)
    with reading(services.engine) as connection:
        query = select(deliveries.c.subscription_arn).where(deliveries.c.notification_id == message_id)
        return {arn.rpartition(":")[2] for arn in connection.execute(query).scalars()}


def change(services: Services, name: str, attribute: str, value: str) -> None:
    with writing(services.engine) as connection:
        ours = Subscriptions(services.outbox)
        ours.set_attribute(connection, ACCOUNT, f"{TOPIC}:{name}", attribute, value)


def test_each_policy_lets_its_own_messages_through(services: Services) -> None:
    subscribe(services, "all")
    subscribe(services, "red", FilterPolicy='{"color": ["red"]}')
    subscribe(services, "dear", FilterPolicy='{"price": [{"numeric": [">=", 100]}]}')
    subscribe(services, "body", FilterPolicy='{"color": ["red"]}', FilterPolicyScope="MessageBody")
    subscribe(services, "red-again", FilterPolicy='{"color": ["red"]}')
    assert published(services, "text") == {"all"}
    assert published(services, "text", color=("String", "red")) == {"all", "red", "red-again"}
    assert published(services, "text", color=("String.Array", '["blue", "red"]')) == {"all", "red", "red-again"}
    assert published(services, "text", price=("Number", "100.0")) == {"all", "dear"}
    assert published(services, '{"color": ["blue", "red"]}') == {"all", "body"}


def test_completions_of_jobs_are_filtered(services: Services) -> None:
    subscribe(services, "failures", **FAILED_LABELS)
    for state, operation, expected in (
        (JobState.FAILED, "LabelDetection", {"failures"}),
        (JobState.SUCCEEDED, "LabelDetection", set()),
        (JobState.FAILED, "FaceDetection", set()),
    ):
        video = VideoRef("bucket", "video.mp4", None, "etag", 1)
        job = Job("1", ACCOUNT, operation, {}, video, state, created_at=utcnow(), finished_at=utcnow())
        assert published(services, completion(job)) == expected


def test_a_change_is_effective_at_once(services: Services) -> None:
    subscribe(services, "one")
    change(services, "one", "FilterPolicy", '{"color": ["red"]}')
    assert published(services, "text") == set()
    assert published(services, "text", color=("String", "red")) == {"one"}
    change(services, "one", "FilterPolicyScope", "MessageBody")
    assert published(services, "text", color=("String", "red")) == set()
    assert published(services, '{"color": "red"}') == {"one"}
    change(services, "one", "FilterPolicy", "{}")
    assert published(services, "text") == {"one"}


def test_each_protocol_is_filtered_by_the_text_it_gets(services: Services) -> None:
    policy = {"FilterPolicy": '{"for": ["queues"]}', "FilterPolicyScope": "MessageBody"}
    subscribe(services, "web", **policy)
    subscribe(services, "queue", protocol="sqs", **policy)
    texts = json.dumps({"default": '{"for": "people"}', "sqs": '{"for": "queues"}'})
    assert published(services, texts, "json") == {"queue"}
    assert published(services, '{"for": "queues"}') == {"web", "queue"}


def test_a_subscription_gets_nothing_before_it_is_confirmed(services: Services) -> None:
    arn = f"{TOPIC}:pending"
    with writing(services.engine) as connection:
        waiting = row(arn, "http", {"FilterPolicy": '{"a": [{"exists": false}]}'}) | {"state": "PENDING"}
        connection.execute(insert(subscriptions).values(waiting))
    assert published(services, "text", b=("String", "x")) == set()


def test_ten_thousand_subscribers_are_addressed_without_being_read(services: Services) -> None:
    """Half have a policy, of which there are 120; every other policy lets the message through."""
    policies = [{"FilterPolicy": json.dumps({"n": [number], "pad": [{"exists": False}]})} for number in range(120)]
    rows = [row(f"{TOPIC}:{n:05}", "http", policies[n % 120] if n % 2 else {}) for n in range(10_000)]
    with writing(services.engine) as connection:
        connection.execute(insert(subscriptions), rows)
    odd = json.dumps([n for n in range(120) if n % 4 == 1])
    fetched: list[int] = []

    def count(_connection: Any, cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("SELECT subscriptions"):
            fetched.append(1)

    event.listen(services.engine, "after_cursor_execute", count)
    tracemalloc.start()
    try:
        got = published_count(services, n=("String.Array", odd))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        event.remove(services.engine, "after_cursor_execute", count)
    # 5,000 without a policy, and of the 60 policies with odd numbers, which 5,000 share, the 30 that match.
    assert got == 7_500
    assert len(fetched) <= 60 // BATCH + 2
    assert peak < 3 * 1024**2


def published_count(services: Services, **values: tuple[str, str]) -> int:
    attributes = {name: {"Type": kind, "Value": value} for name, (kind, value) in values.items()}
    with writing(services.engine) as connection:
        message_id = services.outbox.add(
            connection, ACCOUNT, TOPIC, "text", utcnow(), extra={"attributes": attributes, "structure": None}
        )
        query = select(func.count()).where(deliveries.c.notification_id == message_id)
        return int(connection.execute(query).scalar_one())


def test_policies_that_change_while_messages_go_out_lose_none(services: Services) -> None:
    """Every policy that it has, or has not, lets every message through."""
    subscribe(services, "changing")
    done = threading.Event()
    broken: list[BaseException] = []

    def keep_changing() -> None:
        try:
            for number in range(10_000):
                if done.is_set():
                    return
                policy = {"n": [{"exists": True}], f"x{number}": [{"exists": False}]}
                change(services, "changing", "FilterPolicy", json.dumps(policy))
                change(services, "changing", "FilterPolicy", "")
        except BaseException as error:
            broken.append(error)

    changer = threading.Thread(target=keep_changing)
    changer.start()
    try:
        for _ in range(25):
            assert published(services, "text", n=("Number", "1")) == {"changing"}
    finally:
        done.set()
        changer.join()
    assert broken == []


def test_policies_survive_the_way_back_and_forth_of_the_schema(services: Services) -> None:
    subscribe(services, "red", FilterPolicy='{"color": ["red"]}')
    subscribe(services, "all")
    downgrade(services.engine, chosen("0005"))
    migrate(services.engine)
    assert published(services, "text") == {"all"}
    assert published(services, "text", color=("String", "red")) == {"all", "red"}
