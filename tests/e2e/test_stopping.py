"""The service is asked to stop in the middle of a chunk: what was begun is given back, and done after the next start."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(300)]


def chunks(service: Service) -> list[tuple[Any, ...]]:
    """State, attempts, lost workers and frames done of every chunk."""
    with sqlite3.connect(service.folder / "reelsight.db") as database:
        return database.execute("SELECT state, attempt, lost, frames_done FROM chunks").fetchall()


def test_a_chunk_that_is_not_done_in_time_is_given_back(fresh: Callable[..., Service], media: Path) -> None:
    # A lease that no wait of this test outlasts: the chunk is free because it was given back.
    service = fresh(stop_s="0.5", lease_s="600")
    video = service.put("videos", "clip.mp4", media / "videos/googlework_short.mp4")
    job = service.client("rekognition").start_label_detection(Video=video)["JobId"]
    wait_until(lambda: any(done > 0 for *_, done in chunks(service)))
    assert service.stop() == 0
    assert wait_until(lambda: not service.processes(), 10)
    assert [chunk[:3] for chunk in chunks(service)] == [("QUEUED", 0, 0)]
    service.start()
    get = service.client("rekognition").get_label_detection
    wait_until(lambda: get(JobId=job)["JobStatus"] != "IN_PROGRESS", 120)
    assert get(JobId=job)["JobStatus"] == "SUCCEEDED"
    assert [chunk[:3] for chunk in chunks(service)] == [("DONE", 1, 0)]
