"""Workers that are stopped, files that vanish or change under them, and operators who change their minds, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.conduct.cancel import cancel, retry
from pipeline.conduct.facts import pass_prefix
from pipeline.conduct.plan import plan
from pipeline.conduct.sweep import sweep
from pipeline.jobs.types import JobState
from pipeline.objects.directory import DirectoryStore
from pipeline.objects.types import Bucket
from pipeline.services import Services
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import notifications
from tests.support.brightness import BRIGHTNESS, CONTRAST, Watch, watch
from tests.support.conducting import analyze, drain, finish, items, job, rest, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]

OFTEN = 10
"""More often than work may fail."""


class DisturbedStore(DirectoryStore):
    """A directory store in which something happens when a file is opened or read."""

    def __init__(self, root: Path, happens: Callable[[], None]) -> None:
        super().__init__(root)
        self._happens = happens

    @contextmanager
    def local_path(self, bucket: str, key: str, etag: str, version: str | None = None) -> Iterator[Path]:
        """See `DirectoryStore`."""
        self._happens()
        with super().local_path(bucket, key, etag, version) as path:
            yield path

    def read(self, bucket: str, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """See `DirectoryStore`."""
        self._happens()
        return super().read(bucket, key, start, stop)


def leave() -> None:
    """What the signal of a stopping worker raises."""
    raise SystemExit


def full() -> None:
    """What a disk without room raises."""
    raise OSError(28, "No space left on device")


@pytest.fixture
def clip(services: Services, watch: Watch) -> Path:
    """The video that `start` names."""
    path = services.settings.buckets_path / "videos" / "clip.mp4"
    write_video(path)
    return path


@pytest.mark.usefixtures("clip")
def test_stopping_workers_never_counts_against_a_chunk(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)
    watch.at_batch["brightness"] = leave
    for _ in range(OFTEN):
        with pytest.raises(SystemExit):
            analyze(services)
    watch.at_batch.clear()
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40


@pytest.mark.usefixtures("clip")
def test_stopping_workers_never_counts_against_planning(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    leaving = replace(services, objects=DisturbedStore(services.settings.buckets_path, leave))
    for _ in range(OFTEN):
        queue.forget()
        with pytest.raises(SystemExit):
            plan(leaving)
        assert queue.plans == 1
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40


@pytest.mark.usefixtures("clip")
def test_stopping_workers_never_counts_against_finishing(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    _analyze_all(services, queue)
    leaving = replace(services, work=Bucket(DisturbedStore(services.settings.data_dir, leave), "work"))
    for _ in range(OFTEN):
        with pytest.raises(SystemExit):
            finish(leaving)
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40


@pytest.mark.usefixtures("clip")
def test_a_full_disk_while_planning_is_outlived_or_named(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    disturbed = replace(services, objects=DisturbedStore(services.settings.buckets_path, full))
    for _ in range(services.settings.max_attempts - 1):
        plan(disturbed)
        assert job(services, job_id).state is JobState.QUEUED
        assert plan(disturbed).report is None
        rest(services)
    plan(disturbed)
    failed = job(services, job_id)
    assert failed.state is JobState.FAILED
    assert "No space left on device" in (failed.status_message or "")


@pytest.mark.usefixtures("clip")
def test_what_finishing_needs_and_lacks_is_named(services: Services, queue: RememberingQueue) -> None:
    ids = [start(services, BRIGHTNESS), start(services, CONTRAST)]
    _analyze_all(services, queue)
    pass_id = job(services, ids[0]).pass_id or ""
    services.work.delete_folder(pass_prefix(pass_id))
    finished = []
    for _ in range(services.settings.max_attempts):
        finished.append(finish(services))
        rest(services)
    assert finished == [False] * (services.settings.max_attempts - 1) + [True]
    for job_id in ids:
        assert "index.npz does not exist" in (job(services, job_id).status_message or "")


def test_a_video_overwritten_while_it_is_decoded_fails_its_jobs(
    services: Services, queue: RememberingQueue, watch: Watch, clip: Path
) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)

    def overwrite() -> None:
        watch.at_batch.clear()
        clip.write_bytes(clip.read_bytes()[:-100])

    watch.at_batch["brightness"] = overwrite
    drain(services, queue)
    failed = job(services, job_id)
    assert failed.state is JobState.FAILED
    assert "replaced" in (failed.status_message or "")


@pytest.mark.usefixtures("clip")
def test_every_outcome_is_announced_even_of_a_job_that_never_ran(services: Services) -> None:
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
    with writing(services.engine) as connection:
        services.topics.create(connection, topic, {}, {}, utcnow())
    channel = {"SNSTopicArn": topic, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}
    job_id = start(services, BRIGHTNESS, NotificationChannel=channel)
    for _ in range(2):
        cancel(services, job_id)
        cancel(services, job_id)
        retry(services, job_id)
    with reading(services.engine) as connection:
        assert len(connection.execute(select(notifications.c.id)).all()) == 2


def _analyze_all(services: Services, queue: RememberingQueue) -> None:
    plan(services)
    sweep(services)
    while analyze(services):
        pass
