"""Jobs that fail, with a reason, and alone; on both databases, with real decoding."""

from dataclasses import replace

import pytest

from pipeline.conduct.finish import finish_pass
from pipeline.conduct.plan import plan
from pipeline.jobs.types import JobState
from pipeline.services import Services
from pipeline.store.notify_schema import notifications
from tests.support.brightness import BRIGHTNESS, CONTRAST, Watch, watch
from tests.support.conducting import (
    CHANNEL,
    WORKER,
    count,
    drain,
    finish,
    furnish,
    items,
    job,
    rest,
    start,
)
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]


@pytest.fixture(autouse=True)
def _furnished(services: Services, watch: Watch) -> None:
    furnish(services)


@pytest.mark.parametrize("content", [b"this is no video", b"\0" * 5000])
def test_what_is_no_video_fails_its_jobs_with_a_reason(
    services: Services, queue: RememberingQueue, content: bytes
) -> None:
    services.objects.put("videos", "clip.mp4", content)
    job_id = start(services, BRIGHTNESS, NotificationChannel=CHANNEL)
    drain(services, queue)
    failed = job(services, job_id)
    assert failed.state is JobState.FAILED
    assert failed.status_message
    assert count(services, notifications) == 1


def test_a_video_that_is_too_long_fails(services: Services, queue: RememberingQueue) -> None:
    strict = replace(services, settings=services.settings.model_copy(update={"max_video_s": 3}))
    job_id = start(strict, BRIGHTNESS)
    drain(strict, queue)
    failed = job(services, job_id)
    assert failed.state is JobState.FAILED
    assert "lasts" in (failed.status_message or "")


def test_a_video_that_vanishes_fails_its_jobs(services: Services, queue: RememberingQueue) -> None:
    before, between = start(services, BRIGHTNESS), None
    services.objects.delete("videos", "clip.mp4")
    drain(services, queue)
    assert job(services, before).state is JobState.FAILED
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")
    between = start(services, BRIGHTNESS)
    plan(services)
    write_video(services.settings.buckets_path / "videos" / "clip.mp4", 30)
    drain(services, queue)
    assert "replaced" in (job(services, between).status_message or "")


def test_a_failing_detector_takes_down_its_own_job_only(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("no contrast today")

    watch.at_batch["contrast"] = fail
    good, bad = start(services, BRIGHTNESS), start(services, CONTRAST)
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, good)) == 40
    failed = job(services, bad)
    assert failed.state is JobState.FAILED
    assert "no contrast today" in (failed.status_message or "")
    assert "3 times" in (failed.status_message or "")
    assert watch.seen == {"brightness": 40}


def test_a_detector_that_fails_once_is_tried_again_alone(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    calls: list[int] = []

    def fail_first() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise TimeoutError

    watch.at_batch["contrast"] = fail_first
    ids = start(services, BRIGHTNESS), start(services, CONTRAST)
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, ids[0])) == 40
    assert [item["Frame"] for item in items(services, CONTRAST, ids[1])] == list(range(40))
    assert watch.seen == {"brightness": 40, "contrast": 40}


def test_a_model_that_cannot_be_loaded_fails_its_own_job_only(services: Services, queue: RememberingQueue) -> None:
    good, bad = start(services, BRIGHTNESS), start(services, CONTRAST, NeedsModel="nothing")
    drain(services, queue)
    assert job(services, good).state is JobState.SUCCEEDED
    assert job(services, bad).state is JobState.FAILED
    assert "nothing" in (job(services, bad).status_message or "")


def test_results_that_cannot_be_put_together_fail_their_own_job_only(
    services: Services, queue: RememberingQueue
) -> None:
    good, bad = start(services, BRIGHTNESS), start(services, CONTRAST, FailsAtTheEnd=True)
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, good)) == 40
    assert job(services, bad).state is JobState.RUNNING
    ended = []
    for _ in range(services.settings.max_attempts - 1):
        assert finish_pass(services, WORKER) is None
        rest(services)
        ended.append(finish(services))
    assert ended == [False, True]
    failed = job(services, bad)
    assert failed.state is JobState.FAILED
    assert "nothing adds up" in (failed.status_message or "")
