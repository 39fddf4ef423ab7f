"""A machine's clock is put back by hours, on the one machine whose clock it is: what was under way goes on."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.jobs.types import JobState
from pipeline.services import Services
from pipeline.store.metadata import utcnow
from tests.support.brightness import BRIGHTNESS, Watch, watch
from tests.support.conducting import VIDEO, drain, job
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]


@pytest.fixture
def patient(services: Services, watch: Watch) -> Services:
    """Services over a clip, where jobs linger for a minute."""
    folder: Path = services.settings.buckets_path / "videos"
    write_video(folder / "clip.mp4")
    return replace(services, settings=services.settings.model_copy(update={"linger_s": 60.0}))


def test_a_job_of_the_future_is_planned_and_nobody_sleeps_until_then(
    patient: Services, queue: RememberingQueue
) -> None:
    job_id = submit(patient, ACCOUNT, BRIGHTNESS, {"Video": VIDEO}, now=utcnow() + timedelta(hours=3))["JobId"]
    assert plan(patient).wait_s <= patient.settings.linger_s
    drain(patient, queue)
    assert job(patient, job_id).state is JobState.SUCCEEDED


def test_nobody_sleeps_longer_than_a_job_lingers(patient: Services) -> None:
    submit(patient, ACCOUNT, BRIGHTNESS, {"Video": VIDEO}, now=utcnow() + timedelta(hours=3))
    assert 0 < plan(patient, now=utcnow() + timedelta(hours=3, seconds=1)).wait_s <= patient.settings.linger_s
