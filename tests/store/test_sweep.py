"""What the sweeper mends, and what operators do to jobs, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.conduct.answer import answer
from pipeline.conduct.cancel import cancel, retry
from pipeline.conduct.listing import list_jobs
from pipeline.conduct.plan import plan
from pipeline.conduct.sweep import sweep
from pipeline.errors import RequestError
from pipeline.jobs.types import ChunkState, JobState, PassState
from pipeline.services import Services
from pipeline.store import passes
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import notifications
from pipeline.store.schema import chunks
from pipeline.store.schema import passes as passes_table
from tests.support.brightness import BRIGHTNESS, CONTRAST, Watch, watch
from tests.support.conducting import analyze, chunk_ids, claim, drain, finish, items, job, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _clip(services: Services, watch: Watch) -> None:
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")


def _vanish(services: Services, chunk_id: str) -> None:
    """A worker takes the chunk and is killed; the sweeper notices when the lease is over."""
    claim(services, chunk_id, utcnow() + MINUTE)
    assert sweep(services).leases == 0
    assert sweep(services, utcnow() + 2 * MINUTE).leases == 1


def _states(services: Services) -> list[tuple[str | None, str]]:
    with reading(services.engine) as connection:
        query = select(chunks.c.operation, chunks.c.state).order_by(chunks.c.start, chunks.c.operation)
        return [(row.operation, row.state) for row in connection.execute(query)]


def _whole(services: Services) -> Services:
    """The same, but a video is one chunk."""
    return replace(services, settings=services.settings.model_copy(update={"chunk_s": 100.0}))


def test_a_chunk_of_a_killed_worker_goes_to_another(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)
    _vanish(services, chunk_ids(services)[0])
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40


def test_poison_fails_its_own_job_only(services: Services, queue: RememberingQueue) -> None:
    whole = _whole(services)
    good, poison = start(whole, BRIGHTNESS), start(whole, CONTRAST)
    plan(whole)
    (chunk_id,) = chunk_ids(services)
    _vanish(whole, chunk_id)
    _vanish(whole, chunk_id)
    queue.forget()
    alone = {("BrightnessDetection", "QUEUED"), ("ContrastDetection", "QUEUED")}
    assert set(_states(services)) == {(None, "SPLIT"), *alone}
    with reading(services.engine) as connection:
        query = select(chunks.c.id).where(chunks.c.operation == "ContrastDetection")
        lone = connection.execute(query).scalar_one()
    _vanish(whole, lone)
    _vanish(whole, lone)
    sweep(whole, utcnow() + 3 * MINUTE)
    drain(whole, queue)
    assert len(items(services, BRIGHTNESS, good)) == 40
    failed = job(services, poison)
    assert failed.state is JobState.FAILED
    assert "worker vanished" in (failed.status_message or "")


def test_a_lone_job_fails_after_its_attempts(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)
    for _ in range(services.settings.max_attempts):
        _vanish(services, chunk_ids(services)[0])
    failed = job(services, job_id)
    assert failed.state is JobState.FAILED
    assert "3 times" in (failed.status_message or "")
    assert {state for _, state in _states(services)} == {"FAILED", "CANCELLED"}


def test_a_planner_that_vanished_is_replaced_and_at_last_given_up(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    patient = _whole(services)
    pass_id = _taken_for_planning(patient)
    queue.forget()
    sweep(services, utcnow() + 2 * MINUTE)
    assert queue.plans == 1
    for _ in range(services.settings.max_attempts - 1):
        with writing(services.engine) as connection:
            later = utcnow() + 10 * MINUTE
            assert passes.claim(connection, pass_id, PassState.PLANNING, "killed", later, utcnow() - MINUTE)
    plan(services)
    failed = job(services, job_id)
    assert failed.state is JobState.FAILED
    assert "died" in (failed.status_message or "")


def _taken_for_planning(services: Services) -> str:
    """A pass whose planner vanished."""
    from pipeline.conduct.plan import _gather

    _gather(services, utcnow())
    with writing(services.engine) as connection:
        pass_id: str = connection.execute(select(passes_table.c.id)).scalar_one()
        assert passes.claim(connection, pass_id, PassState.PLANNING, "killed", utcnow(), utcnow() + MINUTE)
    plan(services)
    return pass_id


def test_finishers_that_vanish_are_given_up(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)
    while analyze(services):
        pass
    pass_id = job(services, job_id).pass_id or ""
    for _ in range(2 * services.settings.max_attempts):
        with writing(services.engine) as connection:
            assert passes.claim(connection, pass_id, PassState.RUNNING, "killed", utcnow(), utcnow() - MINUTE)
    assert finish(services)
    assert job(services, job_id).state is JobState.FAILED


def test_detections_are_deleted_after_the_pass(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    drain(services, queue)
    assert list(services.work.list("passes/"))
    assert sweep(services, utcnow() + 2 * MINUTE).passes == 1
    assert list(services.work.list("passes/")) == []
    assert len(items(services, BRIGHTNESS, job_id)) == 40


def test_jobs_and_results_are_forgotten_after_their_retention(services: Services, queue: RememberingQueue) -> None:
    job_id, week = start(services, BRIGHTNESS), services.settings.retention
    drain(services, queue)
    sweep(services, utcnow() + week - MINUTE)
    assert len(items(services, BRIGHTNESS, job_id)) == 40
    assert sweep(services, utcnow() + week + MINUTE).jobs == 1
    assert list(services.work.list("results/")) == []
    with pytest.raises(RequestError) as caught:
        answer(services, ACCOUNT, BRIGHTNESS, {"JobId": job_id})
    assert caught.value.code == "ResourceNotFoundException"


def test_an_open_job_is_never_forgotten(services: Services) -> None:
    job_id = start(services, BRIGHTNESS)
    assert sweep(services, utcnow() + timedelta(days=100)).jobs == 0
    assert job(services, job_id).state is JobState.QUEUED


def test_a_queued_job_is_cancelled_and_announced(services: Services, queue: RememberingQueue) -> None:
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:done"
    with writing(services.engine) as connection:
        services.topics.create(connection, topic, {}, {}, utcnow())
    channel = {"SNSTopicArn": topic, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}
    job_id = start(services, BRIGHTNESS, NotificationChannel=channel)
    after = cancel(services, job_id)
    assert after is not None
    assert after.state is JobState.FAILED
    assert (after.status_message or "").startswith("Cancelled")
    assert cancel(services, job_id) == after
    drain(services, queue)
    with reading(services.engine) as connection:
        (row,) = connection.execute(select(notifications)).mappings()
    assert '"Status":"FAILED"' in row["message"]


def test_cancelling_the_last_job_cancels_its_chunks(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)
    cancel(services, job_id)
    assert {state for _, state in _states(services)} == {"CANCELLED"}
    drain(services, queue)
    assert watch.seen == {}


def test_a_running_chunk_stops_when_its_last_job_is_cancelled(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    whole = _whole(services)
    job_id = start(whole, BRIGHTNESS)
    plan(whole)
    watch.at_batch["brightness"] = lambda: bool(cancel(services, job_id)) and None
    assert not analyze(whole)
    assert _states(services) == [(None, ChunkState.CANCELLED)]


def test_cancelling_one_job_leaves_the_others_of_its_pass(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    kept, cancelled = start(services, BRIGHTNESS), start(services, CONTRAST)
    plan(services)
    analyze(services)
    cancel(services, cancelled)
    drain(services, queue)
    assert watch.seen == {"brightness": 40, "contrast": 10}
    assert len(items(services, BRIGHTNESS, kept)) == 40
    assert job(services, cancelled).state is JobState.FAILED


def test_a_cancelled_job_frees_its_work_in_the_middle_of_a_chunk(
    services: Services, queue: RememberingQueue, watch: Watch
) -> None:
    # So short a lease that the worker asks before every batch.
    eager = replace(services, settings=services.settings.model_copy(update={"chunk_s": 100.0, "lease_s": 0.004}))
    kept, cancelled = start(services, BRIGHTNESS), start(services, CONTRAST)
    plan(_whole(services))
    watch.at_batch["contrast"] = lambda: bool(cancel(services, cancelled)) and None
    assert analyze(eager)
    drain(services, queue)
    assert watch.seen["contrast"] < 40
    assert len(items(services, BRIGHTNESS, kept)) == 40


def test_a_failed_job_can_be_retried(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    cancel(services, job_id)
    after = retry(services, job_id)
    assert after is not None
    assert (after.state, after.status_message, after.expires_at) == (JobState.QUEUED, None, None)
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40
    again = retry(services, job_id)
    assert again is not None
    assert again.state is JobState.SUCCEEDED


def test_unknown_jobs_can_be_neither_cancelled_nor_retried(services: Services) -> None:
    assert cancel(services, "none") is None
    assert retry(services, "none") is None


def test_jobs_are_listed_newest_first(services: Services) -> None:
    ids = [start(services, BRIGHTNESS) for _ in range(3)]
    cancel(services, ids[0])
    assert [view.job.id for view in list_jobs(services)] == ids[::-1]
    assert [view.job.id for view in list_jobs(services, state=JobState.FAILED)] == [ids[0]]
    assert list_jobs(services, account="4" * 12) == []
    assert len(list_jobs(services, limit=2)) == 2
