"""Jobs from the queue to their results, on both databases, with real decoding."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.conduct.answer import answer
from pipeline.conduct.chunk import analyze_chunk
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.listing import show_job
from pipeline.conduct.plan import Planning, plan
from pipeline.jobs.types import ChunkState
from pipeline.services import Services
from pipeline.store import passes
from pipeline.store.engine import reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.notify_schema import notifications
from pipeline.store.schema import chunks
from pipeline.store.schema import passes as passes_table
from tests.support.brightness import BRIGHTNESS, CONTRAST, NoModels, Watch, watch
from tests.support.conducting import (
    CHANNEL,
    TOPIC,
    VIDEO,
    WORKER,
    analyze,
    chunk_ids,
    count,
    drain,
    furnish,
    items,
    job,
    start,
)
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, RememberingQueue, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]


@pytest.fixture(autouse=True)
def _furnished(services: Services, watch: Watch) -> None:
    furnish(services)


def _pass_id(services: Services, job_id: str) -> str:
    pass_id = job(services, job_id).pass_id
    assert pass_id is not None
    return pass_id


def test_a_job_succeeds_with_every_frame_in_order(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS, JobTag="tag")
    drain(services, queue)
    found = items(services, BRIGHTNESS, job_id)
    assert [item["Frame"] for item in found] == list(range(40))
    assert [item["Timestamp"] for item in found] == list(range(0, 4000, 100))
    page = answer(services, ACCOUNT, BRIGHTNESS, {"JobId": job_id})
    assert page.members["FramesSeen"] == 40
    metadata = page.members["VideoMetadata"]
    assert (metadata["FrameWidth"], metadata["FrameHeight"], metadata["FrameRate"]) == (64, 48, 10.0)
    assert (metadata["Codec"], metadata["DurationMillis"]) == ("mpeg4", 4000)
    assert set(metadata) == {
        "Codec",
        "DurationMillis",
        "Format",
        "FrameRate",
        "FrameHeight",
        "FrameWidth",
        "ColorRange",
    }


def test_jobs_of_one_video_share_one_decode(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    ids = [start(services, BRIGHTNESS), start(services, CONTRAST), start(services, BRIGHTNESS, Other=1)]
    drain(services, queue)
    assert count(services, passes_table) == 1
    assert count(services, chunks) == 4
    assert watch.seen == {"brightness": 40, "contrast": 40}
    assert items(services, BRIGHTNESS, ids[0]) == items(services, BRIGHTNESS, ids[2])
    assert len(items(services, CONTRAST, ids[1])) == 40


def test_the_answer_does_not_depend_on_the_cut(services: Services, queue: RememberingQueue) -> None:
    cut_up = start(services, BRIGHTNESS)
    drain(services, queue)
    whole_services = replace(services, settings=services.settings.model_copy(update={"chunk_s": 100.0}))
    whole = start(whole_services, BRIGHTNESS)
    drain(whole_services, queue)
    assert count(services, chunks) == 4 + 1
    assert items(services, BRIGHTNESS, cut_up) == items(services, BRIGHTNESS, whole)


def test_other_accounts_never_share_a_pass(services: Services, queue: RememberingQueue) -> None:
    from pipeline.conduct.submit import submit

    start(services, BRIGHTNESS)
    submit(services, "4" * 12, BRIGHTNESS, {"Video": VIDEO})
    drain(services, queue)
    assert count(services, passes_table) == 2


def test_a_new_job_waits_for_others(services: Services) -> None:
    patient = replace(services, settings=services.settings.model_copy(update={"linger_s": 60.0}))
    start(patient, BRIGHTNESS)
    assert 0 < plan(patient).wait_s <= 60
    assert count(services, passes_table) == 0
    assert plan(patient, utcnow() + timedelta(seconds=61)).wait_s == 0
    assert count(services, passes_table) == 1


def test_completion_is_announced_once(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS, NotificationChannel=CHANNEL)
    drain(services, queue)
    assert finish_pass(services, WORKER) is None
    with reading(services.engine) as connection:
        (row,) = connection.execute(select(notifications)).mappings()
    assert row["topic_arn"] == TOPIC
    assert f'"JobId":"{job_id}","Status":"SUCCEEDED","API":"StartBrightnessDetection"' in row["message"]


def test_repeated_wake_ups_are_harmless(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)
    plan(services)
    assert queue.chunks == 4
    assert all(analyze(services) for _ in range(4))
    assert not any(analyze(services) for _ in range(4))
    assert queue.finishes == 1
    drain(services, queue)
    assert watch.seen == {"brightness": 40}
    assert len(items(services, BRIGHTNESS, job_id)) == 40


def test_workers_that_are_woken_for_nothing_do_nothing(services: Services) -> None:
    assert analyze_chunk(services, NoModels(), WORKER) is None
    assert finish_pass(services, WORKER) is None
    assert plan(services) == Planning(None, 0.0)


def test_workers_tell_what_they_did(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    planned = plan(services).report
    assert planned is not None
    pass_id = _pass_id(services, job_id)
    assert planned.facts == {"jobs": [job_id], "pass": pass_id, "done": True, "chunks": 4}
    reports = [analyze_chunk(services, NoModels(), WORKER) for _ in range(4)]
    told = [report.facts for report in reports if report]
    assert [facts["chunk"] for facts in told] == ["0-10", "10-20", "20-30", "30-40"]
    assert all(facts["jobs"] == [job_id] and facts["frames"] == 10 and facts["pass"] == pass_id for facts in told)
    finished = finish_pass(services, WORKER)
    assert finished is not None
    assert finished.facts == {"jobs": [job_id], "pass": pass_id, "done": True}


def test_a_worker_that_lost_its_lease_writes_nothing(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    whole = replace(services, settings=services.settings.model_copy(update={"chunk_s": 100.0}))
    job_id = start(whole, BRIGHTNESS)
    plan(whole)
    (chunk_id,) = chunk_ids(services)
    queue.forget()

    def steal() -> None:
        """Another worker takes the chunk over while the first is at work, and finishes it."""
        watch.at_batch.clear()
        with writing(services.engine) as connection:
            late = passes.find_chunk(connection, chunk_id)
            assert late is not None
            assert passes.settle_chunk(connection, late, ChunkState.QUEUED)
        assert analyze(services, "second")

    watch.at_batch["brightness"] = steal
    assert not analyze(services, "first")
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40
    with reading(services.engine) as connection:
        settled = passes.find_chunk(connection, chunk_id)
    assert settled is not None
    assert (settled.attempt, settled.state) == (2, ChunkState.DONE)


def test_a_stopped_worker_gives_its_chunk_back(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)

    def stop() -> None:
        watch.at_batch.clear()
        raise SystemExit

    watch.at_batch["brightness"] = stop
    queue.chunks -= 1
    with pytest.raises(SystemExit):
        analyze(services)
    assert queue.chunks == len(chunk_ids(services)) == 4
    drain(services, queue)
    assert len(items(services, BRIGHTNESS, job_id)) == 40


def test_progress_is_shown(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    view = show_job(services, job_id)
    assert view is not None
    assert (view.frames_done, view.frames_planned, view.ratio) == (0, 0, 0.0)
    plan(services)
    analyze(services)
    view = show_job(services, job_id)
    assert view is not None
    assert (view.frames_done, view.frames_planned, view.ratio) == (10, 40, 0.25)
    drain(services, queue)
    view = show_job(services, job_id)
    assert view is not None
    assert view.ratio == 1.0
    assert show_job(services, "none") is None
