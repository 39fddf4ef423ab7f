"""Finished jobs with result sets of any size, put into an installation by the same writer that workers use."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from scripts.in_venv import ROOT
from scripts.overhead.processes import peak_mb

ACCOUNT = "000000000000"
NAMES = 400
"""Different names of labels: as many as the vocabulary has."""
PER_FRAME = 10
"""Labels of one frame."""
STEP_MS = 20


def fill(folder: Path, database_url: str | None, items: int) -> dict[str, Any]:
    """A finished job of label detection with so many items, made in a process of its own: its id, and what that took."""
    command = [sys.executable, "-m", "scripts.overhead.filled", str(folder), database_url or "", str(items)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made


def records(items: int) -> Iterator[Any]:
    """Labels as a detector of a long video leaves them: in order of time, of many names."""
    from pipeline.aggregate.types import Record

    for number in range(items):
        name, confidence = f"Label {number * 7919 % NAMES}", 50 + number * 31 % 4999 / 100
        box = {"Left": 0.1, "Top": number % 97 / 100, "Width": 0.25, "Height": 0.5}
        label = {
            "Name": name,
            "Confidence": confidence,
            "Instances": [{"BoundingBox": box, "Confidence": confidence}],
            "Parents": [{"Name": "Thing"}],
            "Aliases": [],
            "Categories": [{"Name": "Everyday Objects"}],
        }
        milliseconds = number // PER_FRAME * STEP_MS
        yield Record({"Timestamp": milliseconds, "Label": label}, milliseconds, name, confidence)


def main(folder: str, database_url: str, items: str) -> None:
    """Fills, and prints what it took as one line of JSON."""
    from pipeline import logs
    from pipeline.catalog import OPERATIONS
    from pipeline.queue import CeleryQueue, make_app
    from pipeline.results.writer import write
    from pipeline.services import Services
    from pipeline.settings import Settings

    logs.configure("WARNING", "console")
    settings = Settings(data_dir=Path(folder), database_url=database_url or None)
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    operation, job_id = OPERATIONS["LabelDetection"], secrets.token_hex(32)
    before_mb, began, cpu = peak_mb(), time.perf_counter(), time.process_time()
    made = write(records(int(items)), operation.orders, operation.aggregates, services.work, f"results/{job_id}/1-1/")
    took_s, cpu_s, after_mb = time.perf_counter() - began, time.process_time() - cpu, peak_mb()
    _keep(services, job_id, made)
    largest = max(made, key=lambda one: one.offsets[-1])
    told = {"job": job_id, "items": int(items), "seconds": round(took_s, 2), "cpu_s": round(cpu_s, 2)}
    sizes = {"start_mb": before_mb, "peak_mb": after_mb, "kept_mb": round(largest.offsets[-1] / 1e6, 1)}
    print(json.dumps(told | sizes))
    services.close()


def _keep(services: Any, job_id: str, made: Any) -> None:
    from pipeline.jobs.types import Job, JobState, VideoRef
    from pipeline.store import jobs
    from pipeline.store.engine import writing
    from pipeline.store.metadata import utcnow

    now, video = utcnow(), VideoRef("videos", "long.mp4", None, "e", 1)
    metadata = {
        "Codec": "h264", "DurationMillis": 7_200_000, "Format": "QuickTime / MOV", "FrameRate": 25.0, "FrameHeight": 1080,
        "FrameWidth": 1920, "ColorRange": "LIMITED",
    }  # fmt: skip
    job = Job(
        job_id, ACCOUNT, "LabelDetection", {}, video, JobState.SUCCEEDED, now, attempt=1, video_metadata=metadata,
        summary={"LabelModelVersion": "1"}, started_at=now, finished_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    with writing(services.engine) as connection:
        jobs.add(connection, job)
        jobs.add_results(connection, job_id, made)


if __name__ == "__main__":
    main(*sys.argv[1:])
