"""Every process is restarted in its turn while clients go on: no request fails, no chunk is lost, each completion is told once."""

import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import select

from pipeline.store.engine import connect, reading
from pipeline.store.notify_schema import deliveries, notifications
from pipeline.store.schema import chunks
from tests.e2e.conftest import FAST
from tests.support.balancer import balancing
from tests.support.many_machines import ManyMachines
from tests.support.receiver import Receiver, receiving
from tests.support.service import ROLE, wait_until
from tests.support.small_video import write_video

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(900)]

PARTS = (
    "api-1", "api-2", "worker-video-1", "worker-video-2", "worker-control-1", "worker-images-1", "worker-notify-1", "beat-1",
)  # fmt: skip
MOST_JOBS = 60
"""A machine that is slow to restart must not be given more than it can do."""


class Clients:
    """Those who call meanwhile, with what boto3 retries by itself."""

    def __init__(self, rekognition: Any, start: dict[str, Any], photo: bytes) -> None:
        self.jobs: list[str] = []
        self.images = 0
        self.errors: list[BaseException] = []
        self._rekognition, self._start, self._photo = rekognition, start, photo
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._go_on, args=(call,)) for call in (self._job, self._image)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _go_on(self, call: Any) -> None:
        while not self._ended.wait(0.3):
            try:
                call()
            except BaseException as error:
                self.errors.append(error)

    def _job(self) -> None:
        if len(self.jobs) < MOST_JOBS:
            self.jobs.append(self._rekognition.start_segment_detection(**self._start)["JobId"])
        else:
            self._rekognition.get_segment_detection(JobId=self.jobs[-1])

    def _image(self) -> None:
        self._rekognition.detect_labels(Image={"Bytes": self._photo}, Features=["IMAGE_PROPERTIES"])
        self.images += 1


@pytest.fixture
def machines(tmp_path: Path, models_dir: Path) -> Iterator[ManyMachines]:
    """What compose.yaml runs, with two of each process that there may be more of."""
    settings = {**FAST, "lease_s": "60", "models_dir": str(models_dir), "webhook_networks": '["127.0.0.0/8"]'}
    running = ManyMachines(tmp_path / "machines", {**settings, "chunk_s": "2"})
    running.start(timeout_s=300)
    yield running
    running.stop()
    running.remove()


def subscribed(sns: Any, inbox: Receiver) -> str:
    """A topic whose messages the receiver gets."""
    topic: str = sns.create_topic(Name="restarts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=inbox.url)
    envelope = wait_until(lambda: next(iter(inbox.messages("SubscriptionConfirmation")), None))
    with urllib.request.urlopen(envelope["SubscribeURL"], timeout=30) as answer:
        answer.read()
    return topic


def is_ready(url: str) -> bool:
    """Whether an api can be sent requests."""
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def restart(machines: ManyMachines, part: str) -> None:
    """As docs/operations.md tells to: the next one only when this one is back."""
    with machines.hold(part):
        pass
    if part.startswith("api"):
        url = machines.endpoints[int(part[-1]) - 1]
        wait_until(lambda: is_ready(url))


def test_restarting_everything_in_turn_is_noticed_by_nobody(
    machines: ManyMachines, media: Path, tmp_path: Path
) -> None:
    write_video(tmp_path / "clip.mp4")
    photo = (media / "images/identity/azure_Family1-Dad1.jpg").read_bytes()
    key, secret = machines.credentials()
    with balancing(machines.endpoints) as url, receiving() as inbox:
        made = {"endpoint_url": url, "region_name": "us-east-1"}
        sns, rekognition = (
            boto3.client(name, aws_access_key_id=key, aws_secret_access_key=secret, **made)
            for name in ("sns", "rekognition")
        )
        channel = {"SNSTopicArn": subscribed(sns, inbox), "RoleArn": ROLE}
        video = machines.put("videos", "clip.mp4", tmp_path / "clip.mp4")
        start = {"Video": video, "SegmentTypes": ["TECHNICAL_CUE"], "NotificationChannel": channel}
        with Clients(rekognition, start, photo) as clients:
            wait_until(lambda: clients.jobs and clients.images)
            for part in PARTS:
                begun = clients.images
                restart(machines, part)
                wait_until(lambda begun=begun: clients.images > begun or clients.errors)
                assert clients.errors == [], part
        assert clients.errors == []
        assert len(clients.jobs) >= len(PARTS)
        get = rekognition.get_segment_detection
        wait_until(lambda: all(get(JobId=job)["JobStatus"] != "IN_PROGRESS" for job in clients.jobs), 240)
        assert {get(JobId=job)["JobStatus"] for job in clients.jobs} == {"SUCCEEDED"}
        told_once(inbox, clients.jobs, machines)
    sns.close()
    rekognition.close()
    engine = connect(machines.database_url)
    with reading(engine) as connection:
        done = connection.execute(select(chunks.c.state, chunks.c.attempt, chunks.c.lost)).all()
    engine.dispose()
    assert {tuple(chunk) for chunk in done} <= {("DONE", 1, 0)}


def told_once(inbox: Receiver, jobs: list[str], machines: ManyMachines) -> None:
    """Each job's completion under one MessageId, delivered once, and nothing left to deliver."""

    def messages() -> Counter[tuple[str, str]]:
        envelopes = inbox.messages("Notification")
        return Counter((json.loads(envelope["Message"])["JobId"], envelope["MessageId"]) for envelope in envelopes)

    wait_until(lambda: {job for job, _ in messages()} == set(jobs))
    engine = connect(machines.database_url)

    def waiting() -> int:
        with reading(engine) as connection:
            states = connection.execute(select(deliveries.c.state).where(deliveries.c.state != "DELIVERED")).scalars()
            return len(list(states))

    wait_until(lambda: waiting() == 0)
    with reading(engine) as connection:
        ids = set(connection.execute(select(notifications.c.id)).scalars())
    engine.dispose()
    assert {message for _, message in messages()} <= ids
    assert sorted(job for job, _ in messages().elements()) == sorted(jobs)
