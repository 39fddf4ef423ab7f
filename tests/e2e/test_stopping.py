"""The service is asked to stop in the middle of a chunk: what was begun is given back, and done after the next start."""

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.commands.processes import worker_command
from api.serve import broker
from pipeline import queue
from pipeline.catalog import OPERATIONS
from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings, environment
from tests.support.service import Service, wait_until

LONG = "videos/one-by-one-person-detection.mp4"
"""A clip whose only chunk takes many times the two seconds after which a worker first reports."""
ONE_CHUNK_S = 600.0

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(300)]


def chunks(folder: Path) -> list[tuple[Any, ...]]:
    """State, attempts, lost workers and frames done of every chunk."""
    with sqlite3.connect(folder / "reelsight.db") as database:
        return database.execute("SELECT state, attempt, lost, frames_done FROM chunks").fetchall()


def test_a_chunk_that_is_not_done_in_time_is_given_back(fresh: Callable[..., Service], media: Path) -> None:
    # A lease that no wait of this test outlasts: the chunk is free because it was given back.
    service = fresh(stop_s="0.5", lease_s="600", chunk_s=str(ONE_CHUNK_S))
    video = service.put("videos", "clip.mp4", media / LONG)
    job = service.client("rekognition").start_label_detection(Video=video)["JobId"]
    wait_until(lambda: any(done > 0 for *_, done in chunks(service.folder)))
    assert service.stop() == 0
    assert wait_until(lambda: not service.processes(), 10)
    assert [chunk[:3] for chunk in chunks(service.folder)] == [("QUEUED", 0, 0)]
    service.start()
    get = service.client("rekognition").get_label_detection
    wait_until(lambda: get(JobId=job)["JobStatus"] != "IN_PROGRESS", 120)
    assert get(JobId=job)["JobStatus"] == "SUCCEEDED"
    assert [chunk[:3] for chunk in chunks(service.folder)] == [("DONE", 1, 0)]


@pytest.fixture
def solo(tmp_path: Path, models_dir: Path) -> Iterator[tuple[Settings, "subprocess.Popen[bytes]"]]:
    """A worker that analyses in its only process, as one with a GPU does, and the broker between."""
    settings = Settings(
        data_dir=tmp_path, models_dir=models_dir, stop_s=0.5, linger_s=0.0, lease_s=600.0, chunk_s=ONE_CHUNK_S
    )
    command = worker_command(queue.VIDEO, settings.model_copy(update={"device": "cuda"}))
    with (
        subprocess.Popen(broker.command(settings, broker.find_server(settings))) as redis,
        subprocess.Popen(command, env=environment(settings)) as worker,
    ):
        wait_until(settings.redis_socket.exists)
        yield settings, worker
        worker.kill()
        redis.kill()


def test_a_worker_without_children_gives_its_chunk_back(
    solo: tuple[Settings, "subprocess.Popen[bytes]"], media: Path
) -> None:
    settings, worker = solo
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    services.prepare()
    services.objects.create_bucket("videos")
    services.objects.put_file("videos", "clip.mp4", media / LONG)
    video = {"S3Object": {"Bucket": "videos", "Name": "clip.mp4"}}
    submit(services, "0" * 12, OPERATIONS["LabelDetection"], {"Video": video})
    plan(services)
    services.close()
    wait_until(lambda: any(done > 0 for *_, done in chunks(settings.data_dir)))
    worker.terminate()
    worker.wait(60)
    assert [chunk[:3] for chunk in chunks(settings.data_dir)] == [("QUEUED", 0, 0)]
