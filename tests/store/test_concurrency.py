"""Several planners, workers, finishers and a sweeper at once, on both databases: every job ends once, with all items."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from pipeline.conduct.cancel import cancel
from pipeline.conduct.plan import plan
from pipeline.conduct.sweep import sweep
from pipeline.jobs.types import JobState
from pipeline.services import Services
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import notifications
from pipeline.store.schema import passes
from tests.support.brightness import BRIGHTNESS, CONTRAST, Watch, watch
from tests.support.conducting import analyze, drain, finish, items, job, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]


@pytest.fixture(autouse=True)
def _clip(services: Services, watch: Watch) -> None:
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")


def _at_once(calls: list[Callable[[], object]]) -> None:
    """Runs all calls in threads of their own; the first error is raised."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(calls))

    def guarded(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_everything_at_once_ends_every_job_once(services: Services, queue: RememberingQueue) -> None:
    arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
    with writing(services.engine) as connection:
        services.topics.create(connection, arn, {}, {}, utcnow())
    channel = {"SNSTopicArn": arn, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}
    ids = [start(services, operation, NotificationChannel=channel) for operation in (BRIGHTNESS, CONTRAST)]
    _at_once([lambda: plan(services)] * 3)
    with reading(services.engine) as connection:
        assert connection.execute(select(func.count()).select_from(passes)).scalar_one() == 1
    assert queue.chunks == 4
    _at_once([*[lambda: analyze(services)] * 8, lambda: sweep(services)])
    assert queue.finishes >= 1  # the sweeper may have asked too
    _at_once([lambda: finish(services)] * 3)
    assert len(items(services, BRIGHTNESS, ids[0])) == len(items(services, CONTRAST, ids[1])) == 40
    with reading(services.engine) as connection:
        assert connection.execute(select(func.count()).select_from(notifications)).scalar_one() == 2


def test_cancelling_while_planning_and_working_never_hangs(services: Services, queue: RememberingQueue) -> None:
    ids = [start(services, operation) for operation in (BRIGHTNESS, CONTRAST, BRIGHTNESS)]
    _at_once([lambda: plan(services), lambda: cancel(services, ids[0]), lambda: sweep(services)])
    _at_once([*[lambda: analyze(services)] * 4, lambda: cancel(services, ids[1]), lambda: sweep(services)])
    drain(services, queue)
    assert [job(services, job_id).state for job_id in ids] == [JobState.FAILED, JobState.FAILED, JobState.SUCCEEDED]
    assert len(items(services, BRIGHTNESS, ids[2])) == 40
