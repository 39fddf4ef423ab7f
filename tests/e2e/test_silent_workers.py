"""Workers that silently stop working are seen and started again, and the jobs finish."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.queue import make_app
from pipeline.settings import Settings
from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(240)]


def main_process(service: Service, name: str) -> int:
    """The pid of the running worker of a queue, as the supervisor has told it last."""
    events = [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]
    started = {"process_started", "process_restarted"}
    return [e["pid"] for e in events if e.get("event") in started and e["process"] == f"worker-{name}"][-1]


def reasons(service: Service) -> dict[str, str]:
    """Process -> why the supervisor has ended it."""
    events = [json.loads(line) for line in service.log().splitlines() if '"worker_silent"' in line]
    return {event["process"]: event["reason"] for event in events}


def test_workers_that_fall_silent_are_started_again(fresh: Callable[..., Service], media: Path) -> None:
    service = fresh(beat_s="1", silent_s="8", stop_s="2", lease_s="60")
    app = make_app(Settings(data_dir=service.folder))
    wait_until(lambda: "nobody" not in service.cli("workers"), 60)
    # One is connected but does not consume; the other is held like a process that hangs.
    before = {name: main_process(service, name) for name in ("control", "video", "images")}
    nodes = wait_until(lambda: app.control.inspect(timeout=2).ping() or {})
    control = next(name for name in nodes if name.startswith("control@"))
    app.control.cancel_consumer("control", destination=[control], reply=True, timeout=5)
    os.kill(before["video"], signal.SIGSTOP)
    video = service.put("videos", "clip.mp4", media / "videos/googlework_short.mp4")
    rekognition = service.client("rekognition")
    job = rekognition.start_segment_detection(Video=video, SegmentTypes=["SHOT"])["JobId"]
    wait_until(lambda: rekognition.get_segment_detection(JobId=job)["JobStatus"] == "SUCCEEDED", 150)
    assert "does not listen to its queue control" in reasons(service)["worker-control"]
    assert "worker-video" in reasons(service)
    assert main_process(service, "images") == before["images"]
    app.close()
