"""How soon work begins: after a Start call on a service that is idle, and after the service itself was started."""

import json
import secrets
import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store.engine import reading
from pipeline.store.schema import chunks, jobs, passes
from scripts.hostile.serving import Serving, serving
from scripts.overhead import processes
from scripts.overhead.clients import Key, once

START = "StartSegmentDetection"
POLL_S = 0.003
WAIT_S = 180.0
BUCKET, CLIP = "bench", "clip.mp4"


def request() -> str:
    """A job that takes no model: technical cues of the clip."""
    video = {"S3Object": {"Bucket": BUCKET, "Name": CLIP}}
    return json.dumps({"Video": video, "SegmentTypes": ["TECHNICAL_CUE"], "JobTag": secrets.token_hex(4)})


def render(path: Path, frames: int = 300) -> None:
    """A grey clip, 10 frames a second."""
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 80 + number % 100, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@dataclass(frozen=True, slots=True)
class Running:
    """A service that runs, its clients' side and its database."""

    serving: Serving
    key: Key
    services: Services

    @property
    def supervisor(self) -> int:
        """Its first process."""
        return self.serving.process.pid


@contextmanager
def running(folder: Path, environment: Mapping[str, str], database_url: str | None) -> Iterator[Running]:
    """The service of that folder, until the end of the block."""
    given = {"database_url": database_url} if database_url else {}
    with serving(folder, environment, **given) as one:
        host, _, port = one.endpoint.removeprefix("http://").rpartition(":")
        settings = Settings(data_dir=folder, database_url=database_url)
        services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
        try:
            yield Running(one, Key(*one.credentials(), host, int(port)), services)
        finally:
            services.close()


def cold(folder: Path, environment: Mapping[str, str], database_url: str | None) -> dict[str, float]:
    """Seconds from the start of `serve` until it says that it is ready, and until a job given to it then was planned and its chunk taken;
    and the processor time of all its processes until each of its workers has taken a message."""
    began = time.time()
    with running(folder, environment, database_url) as one:
        ready_s = time.time() - began
        job = json.loads(once(one.key, START, request()))["JobId"]
        planned, taken = begun(one.services, job)
        drained(one.services)
        return {
            "ready_s": round(ready_s, 2),
            "planned_s": round(planned - began, 2),
            "chunk_taken_s": round(taken - began, 2),
            "cpu_s": round(sum(settled_cpu_s(one.supervisor).values()), 2),
        }


def settled_cpu_s(supervisor: int) -> dict[str, float]:
    """Processor time of each part, once it hardly rises any more."""
    before, deadline = processes.cpu_s(supervisor), time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        time.sleep(1.0)
        now = processes.cpu_s(supervisor)
        if sum(now.values()) - sum(before.values()) < 0.1:
            return now
        before = now
    raise SystemExit(f"the service is still busy after {WAIT_S:g} s")


def wakes(one: Running, count: int) -> dict[str, float]:
    """Median and largest of ms from the answer of a Start call until its video was planned, less the time that jobs linger, and from there
    until a worker has taken its chunk."""
    planning, taking = [], []
    for _ in range(count):
        job = json.loads(once(one.key, START, request()))["JobId"]
        answered = time.time()
        planned, taken = begun(one.services, job)
        planning.append((planned - answered - one.services.settings.linger_s) * 1e3)
        taking.append((taken - planned) * 1e3)
        drained(one.services)
    return {
        "planned_p50_ms": round(statistics.median(planning), 1),
        "planned_max_ms": round(max(planning), 1),
        "taken_p50_ms": round(statistics.median(taking), 1),
        "taken_max_ms": round(max(taking), 1),
    }


def begun(services: Services, job: str) -> tuple[float, float]:
    """When the job's video was planned and when its chunk was taken, in seconds since 1970."""
    lease_s = services.settings.lease_s
    query = (
        select(jobs.c.started_at, chunks.c.lease_until)
        .select_from(jobs.join(passes, passes.c.id == jobs.c.pass_id).join(chunks, chunks.c.pass_id == passes.c.id))
        .where(jobs.c.id == job)
    )
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with reading(services.engine) as connection:
            row = connection.execute(query).first()
        if row is not None and row.started_at is not None and row.lease_until is not None:
            return row.started_at.timestamp(), row.lease_until.timestamp() - lease_s
        time.sleep(POLL_S)
    raise SystemExit(f"job {job} was not begun in {WAIT_S:g} s")


def drained(services: Services) -> None:
    """Returns once no job is open."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        with reading(services.engine) as connection:
            if (
                connection.execute(select(jobs.c.id).where(jobs.c.state.in_(("QUEUED", "RUNNING"))).limit(1)).first()
                is None
            ):
                return
        time.sleep(0.1)
    raise SystemExit(f"jobs are still open after {WAIT_S:g} s")
