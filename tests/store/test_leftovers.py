"""Results that were written but never shown are removed with their pass; those that are shown stay."""

from datetime import timedelta

import pytest

from pipeline.conduct.facts import pass_prefix, results_prefix
from pipeline.conduct.plan import plan
from pipeline.conduct.sweep import sweep
from pipeline.jobs.types import JobState
from pipeline.services import Services
from pipeline.store.metadata import utcnow
from tests.support.brightness import BRIGHTNESS, Watch, watch
from tests.support.conducting import analyze, drain, finish, job, rest, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]

HALF_WRITTEN = b"what a process had written before it was killed"


@pytest.fixture(autouse=True)
def _clip(services: Services, watch: Watch) -> None:
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")


def _swept_later(services: Services) -> None:
    sweep(services, utcnow() + timedelta(seconds=2 * services.settings.lease_s))


def test_of_an_attempt_that_died_nothing_stays(services: Services) -> None:
    job_id = start(services, BRIGHTNESS)
    _analyzed(services)
    services.work.put(f"{results_prefix(job_id)}1-2/TIMESTAMP-TIMESTAMPS.jsonl.zst", HALF_WRITTEN)
    pass_id = job(services, job_id).pass_id or ""
    index = services.work.read(f"{pass_prefix(pass_id)}index.npz")
    services.work.put(f"{pass_prefix(pass_id)}index.npz", b"damaged")
    finish(services)
    rest(services)
    services.work.put(f"{pass_prefix(pass_id)}index.npz", index)
    assert finish(services)
    shown = {key for key in services.work.list(results_prefix(job_id)) if "/1-2/" not in key}
    assert shown
    _swept_later(services)
    assert set(services.work.list()) == shown


def test_of_a_job_that_failed_no_results_stay(services: Services) -> None:
    job_id = start(services, BRIGHTNESS)
    _analyzed(services)
    services.work.put(f"{results_prefix(job_id)}1-2/TIMESTAMP-TIMESTAMPS.jsonl.zst", HALF_WRITTEN)
    services.work.delete_folder(pass_prefix(job(services, job_id).pass_id or ""))
    for _ in range(2 * services.settings.max_attempts):
        finish(services)
        rest(services)
    assert job(services, job_id).state is JobState.FAILED
    _swept_later(services)
    assert list(services.work.list()) == []


def test_what_is_shown_stays(services: Services, queue: RememberingQueue) -> None:
    start(services, BRIGHTNESS)
    drain(services, queue)
    kept = set(services.work.list("results/"))
    _swept_later(services)
    assert set(services.work.list()) == kept != set()


def _analyzed(services: Services) -> None:
    plan(services)
    while analyze(services):
        pass
