#!/usr/bin/env python3
"""How one video is shared by many workers: measured with one and two, simulated for 8, 64 and 512.

    scripts/bench_scaling.py VIDEO [--analyses labels,segments] [--chunk-s 10] [--json FILE]

Measured: the same job with one worker process that is pinned to a core and has one inference thread, then with two on a core each; real
broker, database and workers. `speed-up` is the time from the first chunk taken to the last one kept with one worker over that with two; the
items of both must be equal. Cores that other programs use as well spoil it, so beside it stands the processor time of the workers, which
should not grow.

Simulated: `scripts/scaling_simulation.py`, driven by the stage times measured here; first for the two runs above, to see how far it is
off, then for fleets that nobody has at hand. The loss that costs most wall time is named, and what to turn against it.
"""

import in_venv

in_venv.enter()

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

from sqlalchemy import func, select

from api.commands.processes import worker_command, worker_environment
from api.serve import broker
from pipeline import logs
from pipeline.catalog import OPERATIONS, Operation
from pipeline.conduct.chunk import _claim
from pipeline.conduct.facts import index_key, unpack_index
from pipeline.conduct.finish import finish_pass
from pipeline.conduct.outcome import Outcome as Found
from pipeline.conduct.outcome import keep
from pipeline.conduct.plan import plan
from pipeline.conduct.submit import submit
from pipeline.conduct.turn import taken
from pipeline.jobs.queue_types import JobQueue
from pipeline.queue import VIDEO, CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings, environment
from pipeline.store.engine import reading
from pipeline.store.schema import chunks, jobs, passes, result_sets
from pipeline.store.turns import Work
from scripts import pulled
from scripts.scaling_report import lines, simulated
from scripts.scaling_simulation import Fleet, Outcome, Simulation, Stages

ACCOUNT = "0" * 12


@dataclass(frozen=True, slots=True)
class Run:
    """What a measured run took.

    Attributes:
        wall: Seconds from the first chunk taken to the last one kept.
        cpu: Processor seconds of the workers meanwhile.
        plan: Seconds of planning.
        finish: Seconds of finishing.
        items: Of all jobs.
        results: What the jobs' results hold.
        chunks: How many there were.
        minutes: Length of the video.
    """

    wall: float
    cpu: float
    plan: float
    finish: float
    items: int
    results: list[bytes]
    chunks: int
    minutes: float


def main() -> None:
    """Measures, simulates and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--analyses", default="labels,segments")
    parser.add_argument("--chunk-s", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=1, help="Pairs of runs; the medians count.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logs.configure("ERROR", "console")
    known = {operation.analysis: operation for operation in OPERATIONS.values()}
    operations = [known[name] for name in arguments.analyses.split(",")]
    pulled.complete([operation.name for operation in operations])
    cores = sorted(os.sched_getaffinity(0))[:2]
    with installation(arguments.video, arguments.chunk_s) as services:
        report = measured(services, operations, cores, arguments.rounds)
    print("\n".join(lines(report)))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


@contextlib.contextmanager
def installation(video: Path, chunk_s: float) -> Iterator[Services]:
    """A new installation with a broker of its own, in which the video lies."""
    models = os.environ.get("REELSIGHT_MODELS_DIR")
    with tempfile.TemporaryDirectory(prefix="reelsight-scaling-") as folder:
        given: dict[str, Any] = {"models_dir": models} if models else {}
        settings = Settings(
            data_dir=Path(folder), chunk_s=chunk_s, threads=1, concurrency=1, linger_s=0.0, log_level="ERROR", **given
        )
        server = subprocess.Popen(broker.command(settings, broker.find_server(settings)), stdout=subprocess.DEVNULL)
        services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
        try:
            services.prepare()
            services.objects.create_bucket("videos")
            services.objects.put("videos", "video", video.read_bytes())
            yield services
        finally:
            services.close()
            server.terminate()
            server.wait(10)


@contextlib.contextmanager
def workers(settings: Settings, cores: Sequence[int]) -> Iterator[list[int]]:
    """A worker process on each of these cores; their pids."""
    more = {**environment(settings), **worker_environment(VIDEO, settings)}
    command = worker_command(VIDEO, settings, 1)
    mine, started = os.sched_getaffinity(0), []
    for core in cores:
        named = [part.replace("video@", f"video{core}@") for part in command]
        os.sched_setaffinity(0, {core})  # what is started now inherits it
        started.append(subprocess.Popen(named, env=more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    os.sched_setaffinity(0, mine)
    try:
        yield [process.pid for process in started]
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


def measured(services: Services, operations: Sequence[Operation], cores: Sequence[int], rounds: int) -> dict[str, Any]:
    """Both runs, the stage times, and what the simulation makes of them."""
    runs: dict[int, list[Run]] = {1: [], 2: []}
    for _ in range(rounds):
        for number in (1, 2):
            with workers(services.settings, cores[:number]) as pids:
                analysed(services, operations, pids)  # loads the models
                runs[number].append(analysed(services, operations, pids))
    one, two = (min(runs[number], key=lambda run: run.wall) for number in (1, 2))
    stages = stage_times(services, operations, one)
    first, second = (
        Simulation(stages, _fleet(number, services.settings.chunk_s), [one.minutes]).run() for number in (1, 2)
    )
    return {
        "video_minutes": one.minutes,
        "chunks": one.chunks,
        "load": os.getloadavg()[0],
        "measured": {str(n): {**asdict(run), "results": len(run.results)} for n, run in ((1, one), (2, two))},
        "speed_up": one.wall / two.wall,
        "cpu_ratio": two.cpu / one.cpu,
        "equal": one.results == two.results and one.items == two.items,
        "stages": asdict(stages),
        "simulated_speed_up": _analysing(first) / _analysing(second),
        "errors": {"1": _analysing(first) / one.wall - 1, "2": _analysing(second) / two.wall - 1},
        "simulated": simulated(stages),
    }


def _fleet(workers: int, chunk_s: float) -> Fleet:
    return Fleet(workers, link=0.0, transactions=1, chunk_min=chunk_s / 60)


def _analysing(outcome: Outcome) -> float:
    return outcome.wall - outcome.losses["planning"] - outcome.losses["finishing"]


def analysed(services: Services, operations: Sequence[Operation], pids: Sequence[int]) -> Run:
    """Jobs for the video, from planning to the end of their pass; planned and finished here, analysed by the workers."""
    request = {"Video": {"S3Object": {"Bucket": "videos", "Name": "video"}}}
    ids = [submit(services, ACCOUNT, each, {**request, **each.minimal})["JobId"] for each in operations]
    cpu = _cpu(pids)
    planning = _timed(lambda: plan(services))
    begun = _until(services, lambda: _count(services, ids[0], "attempt") > 0)
    ended = _until(services, lambda: _left(services, ids[0]) == 0)
    spent = _cpu(pids) - cpu
    finishing = _timed(lambda: finish_pass(services, "bench"))
    with reading(services.engine) as connection:
        pass_id = connection.execute(select(jobs.c.pass_id).where(jobs.c.id == ids[0])).scalar_one()
        number = connection.execute(select(func.count()).where(chunks.c.pass_id == pass_id)).scalar_one()
        media = connection.execute(select(passes.c.media).where(passes.c.id == pass_id)).scalar_one()
        rows = connection.execute(
            select(result_sets.c.object_key, result_sets.c["items"].label("number"))
            .join(jobs, jobs.c.id == result_sets.c.job_id)
            .where(jobs.c.id.in_(ids))
            .order_by(jobs.c.operation, result_sets.c.sort_by, result_sets.c.aggregate)
        ).all()
    results = [services.work.read(row.object_key) for row in rows]
    items = sum(row.number for row in rows)
    return Run(ended - begun, spent, planning, finishing, items, results, number, media["duration_ms"] / 60_000)


def _count(services: Services, job_id: str, column: str) -> int:
    mine = select(jobs.c.pass_id).where(jobs.c.id == job_id).scalar_subquery()
    with reading(services.engine) as connection:
        return int(connection.execute(select(func.sum(chunks.c[column])).where(chunks.c.pass_id == mine)).scalar() or 0)


def _left(services: Services, job_id: str) -> int:
    mine = select(jobs.c.pass_id).where(jobs.c.id == job_id).scalar_subquery()
    with reading(services.engine) as connection:
        return int(connection.execute(select(passes.c.chunks_left).where(passes.c.id == mine)).scalar_one())


def _until(services: Services, condition: Callable[[], bool], limit_s: float = 1800) -> float:
    """When the condition held."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the workers did not get done; look at their log")
        time.sleep(0.02)
    return time.monotonic()


def _timed(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def _cpu(pids: Sequence[int]) -> float:
    """Processor seconds of these processes and their children so far."""
    ticks = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(entry.name) in pids or int(fields[1]) in pids:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def stage_times(services: Services, operations: Sequence[Operation], run: Run) -> Stages:
    """What stages take: decoding and inference by the run, transactions and objects measured here."""
    request = {"Video": {"S3Object": {"Bucket": "videos", "Name": "video"}}}
    submit(services, ACCOUNT, operations[0], {**request, **operations[0].minimal})
    plan(replace(services, queue=cast("JobQueue", _Nobody())))
    claims, settles = [], []
    for _ in range(run.chunks):
        began = time.monotonic()
        own = taken(services, Work.CHUNK, lambda connection, pass_: _claim(services, "bench", connection, pass_))
        claims.append(time.monotonic() - began)
        if own is None:
            break
        settles.append(
            _timed(lambda own=own: keep(replace(services, queue=cast("JobQueue", _Nobody())), own.chunk, Found({})))
        )
    claim, settle = statistics.median(claims), statistics.median(settles)
    put = statistics.median(_timed(lambda: services.work.put("bench", bytes(200_000))) for _ in range(9))
    with reading(services.engine) as connection:
        newest = connection.execute(select(passes.c.id).order_by(passes.c.created_at.desc())).scalar() or ""
    index = statistics.median(_timed(lambda: unpack_index(services.work.read(index_key(newest)))) for _ in range(9))
    message = statistics.median(_timed(services.queue.wake_chunk) for _ in range(9))
    fixed = index + 2 * message
    work = run.wall - run.chunks * (claim + settle + put + fixed)
    size = services.objects.head("videos", "video").size_bytes
    return Stages(
        plan=run.plan / run.minutes, work=work / run.minutes, fixed=fixed, claim=claim, settle=settle, put=put,
        finish=run.finish / run.minutes, closing=2 * settle, bytes=size / run.minutes,
    )  # fmt: skip


class _Nobody:
    """A queue whose messages nobody takes, so that stages can be timed one by one."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


if __name__ == "__main__":
    main()
