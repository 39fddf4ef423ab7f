#!/usr/bin/env python3
"""How long operations on images take through the running service, beside the same work without it.

    scripts/bench_images.py [--image PHOTO] [--operations DetectFaces,…] [--seconds 5] [--json FILE]

Starts a service of its own, and asks it with boto3. `alone` is the floor: the operation in a process, without HTTP, signature, queue and
broker; `ratio` is the median latency at one caller over it, `over` the difference in ms, `cpu` that of processor time, client and
all processes of the service taken together, which other programs disturb least. `cold` is the first answer of a new process, models loaded
and all. Overload is more callers than the service lets in: how many are refused, and how long the slowest of each kind took. Callers,
service and models share the cores, and machines are noisy: read the ratios, not the milliseconds.
"""

import in_venv

in_venv.enter()

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from api.serve.first_start import ACCOUNT
from pipeline import logs
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.images.catalog import IMAGE_OPERATIONS
from pipeline.models.threads import cores
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings
from scripts import pulled
from scripts.image_requests import COLLECTION, REQUESTS, USER, request_of
from scripts.in_venv import ROOT

CALLERS = (1, 4, 16)
ROUNDS = 4
CROWD = 48
"""Callers of the overload: more than one account may have under way."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", type=Path, help="a JPEG or PNG file; without it a sample is rendered")
    parser.add_argument("--operations", default=",".join(IMAGE_OPERATIONS))
    parser.add_argument("--seconds", type=float, default=5.0, help="per figure")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    names = arguments.operations.split(",")
    if unknown := set(names) - set(IMAGE_OPERATIONS):
        parser.error(f"not among the operations on images: {', '.join(sorted(unknown))}")
    if missing := set(names) - set(REQUESTS):
        parser.error(f"no example of {', '.join(sorted(missing))} in scripts/image_requests.py")
    logs.configure("WARNING", "console")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped then too
    os.environ["REELSIGHT_MODELS_DIR"] = str(models_dir())
    with tempfile.TemporaryDirectory() as name:
        report = measured(Path(name), arguments.image, names, arguments.seconds)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def models_dir() -> Path:
    """The folder of the models, the default ones pulled."""
    settings = pulled.settings()
    pulled.library().pull()
    return settings.models_path


def measured(folder: Path, image: Path | None, names: list[str], seconds: float) -> dict[str, Any]:
    """All figures."""
    import main_job

    content = image.read_bytes() if image else sample(folder)
    report: dict[str, Any] = {"cores": cores(), "bytes": len(content), "operations": {}}
    print(f"{image.name if image else 'sample'}: {len(content)} bytes, {report['cores']} cores")
    with main_job.service(folder) as endpoint:
        config = Config(retries={"total_max_attempts": 1}, max_pool_connections=CROWD, read_timeout=120)
        client = boto3.Session(profile_name="reelsight").client("rekognition", endpoint_url=endpoint, config=config)
        face = enrolled(client, content)
        print(
            f"{'operation':26}{'alone':>8}{'p50':>8}{'p95':>8}{'p99':>8}{'ratio':>7}{'over':>7}{'cpu':>6}{'cold':>8}"
            f"   answers/s at {CALLERS}"
        )
        for name in names:
            report["operations"][name] = figures = operation(
                client, folder, name, request_of(name, face), content, seconds
            )
            print(line(name, figures))
        report["overload"] = overload(client, names[0], request_of(names[0], face), content, seconds)
        print(f"{CROWD} callers of {names[0]}: {report['overload']}")
    return report


def sample(folder: Path) -> bytes:
    """A picture with a face."""
    import main_job
    from still import still

    here = ROOT / "data"
    return still(main_job.sample(here if here.is_dir() else folder), 1000)


def enrolled(client: Any, content: bytes) -> str:
    """The id of a face of the picture in a collection with one user."""
    client.create_collection(CollectionId=COLLECTION)
    client.create_user(CollectionId=COLLECTION, UserId=USER)
    records = client.index_faces(Image={"Bytes": content}, QualityFilter="NONE", CollectionId=COLLECTION)["FaceRecords"]
    if not records:
        raise SystemExit("The picture shows no face; give another one with --image.")
    face: str = records[0]["Face"]["FaceId"]
    client.associate_faces(CollectionId=COLLECTION, UserId=USER, FaceIds=[face], UserMatchThreshold=0)
    return face


def operation(
    client: Any, folder: Path, name: str, request: dict[str, Any], content: bytes, seconds: float
) -> dict[str, Any]:
    """The figures of one operation; times in ms. Floor and service are measured by turns."""
    call = caller(client, name, request, content)
    call()
    alone: list[tuple[float, float]] = []
    latencies: list[float] = []
    spent = 0.0
    prepare = (folder, name, request, content)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), Floor.prepare, prepare) as pool:
        cold = pool.submit(Floor.once).result()
        for _ in range(ROUNDS):
            alone += pool.submit(Floor.during, seconds / ROUNDS).result()
            before = cpu_ms()
            latencies += during(call, 1, seconds / ROUNDS)["took_ms"]
            spent += cpu_ms() - before
    floor = statistics.median(took for took, _ in alone)
    over_cpu = spent / len(latencies) - statistics.median(cpu for _, cpu in alone)
    rates = {count: round(during(call, count, seconds)["per_s"], 1) for count in CALLERS}
    latencies.sort()
    p50, p95, p99 = (latencies[min(int(len(latencies) * share), len(latencies) - 1)] for share in (0.5, 0.95, 0.99))
    figures = {
        "alone_ms": floor,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "cold_ms": cold,
        "over_ms": p50 - floor,
        "over_cpu_ms": over_cpu,
    }
    return {**{key: round(value, 1) for key, value in figures.items()}, "ratio": round(p50 / floor, 2), "per_s": rates}


def caller(client: Any, name: str, request: dict[str, Any], content: bytes) -> Callable[[], object]:
    """Asks the service."""
    method = getattr(client, "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_"))
    images = {member: {"Bytes": content} for member in IMAGE_OPERATIONS[name].images}
    return lambda: method(**request, **images)


def during(call: Callable[[], object], callers: int, seconds: float) -> dict[str, Any]:
    """Calls that so many callers make one after another, each for so long: how long answers took, and refusals by code."""
    begun = time.perf_counter()
    end, took, refused = begun + seconds, [], []

    def work(_: int) -> None:
        while (asked := time.perf_counter()) < end:
            try:
                call()
            except ClientError as error:
                refused.append((error.response["Error"]["Code"], (time.perf_counter() - asked) * 1e3))
            else:
                took.append((time.perf_counter() - asked) * 1e3)

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(work, range(callers)))
    return {"took_ms": took, "refused": refused, "per_s": len(took) / (time.perf_counter() - begun)}


class Floor:
    """The operation in a process of its own, without a service; times in ms."""

    call: Callable[[], object]
    began = 0.0

    @classmethod
    def prepare(cls, folder: Path, name: str, request: dict[str, Any], content: bytes) -> None:
        """Makes what every call needs."""
        logs.configure("WARNING", "console")
        settings = Settings(data_dir=folder)
        services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
        cls.began = time.perf_counter()
        images = dict.fromkeys(IMAGE_OPERATIONS[name].images, content)
        cls.call = partial(load(name), Call(services, pulled.library(), ACCOUNT, request, images))

    @classmethod
    def once(cls) -> float:
        """How long the first answer took, models loaded and all."""
        cls.call()
        return (time.perf_counter() - cls.began) * 1e3

    @classmethod
    def during(cls, seconds: float) -> list[tuple[float, float]]:
        """How long each of many took, and how much time of the processor."""
        end, took = time.perf_counter() + seconds, []
        while time.perf_counter() < end:
            began, cpu = time.perf_counter(), time.process_time()
            cls.call()
            took.append(((time.perf_counter() - began) * 1e3, (time.process_time() - cpu) * 1e3))
        return took


def cpu_ms() -> float:
    """Time of the processor that this process and all that it has started have taken; 0 where there is no /proc."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            pid = int(stat.parent.name)
            parents[pid], spent[pid] = int(fields[1]), int(fields[11]) + int(fields[12])
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(spent.get(pid, 0) for pid in mine) * 1e3 / os.sysconf("SC_CLK_TCK")


def overload(client: Any, name: str, request: dict[str, Any], content: bytes, seconds: float) -> dict[str, Any]:
    """What more callers than are let in see."""
    found = during(caller(client, name, request, content), CROWD, seconds)
    slowest = {
        "answer_ms": max(found["took_ms"], default=0),
        "refusal_ms": max((ms for _, ms in found["refused"]), default=0),
    }
    codes = Counter(code for code, _ in found["refused"])
    return {
        "answered": len(found["took_ms"]),
        "refused": dict(codes),
        **{key: round(ms) for key, ms in slowest.items()},
    }


def line(name: str, figures: Mapping[str, Any]) -> str:
    """One operation for people."""
    times = "".join(f"{figures[key]:8.1f}" for key in ("alone_ms", "p50_ms", "p95_ms", "p99_ms"))
    rates = ", ".join(str(rate) for rate in figures["per_s"].values())
    over = f"{figures['ratio']:7.2f}{figures['over_ms']:7.1f}{figures['over_cpu_ms']:6.1f}"
    return f"{name:26}{times}{over}{figures['cold_ms']:8.0f}   {rates}"


if __name__ == "__main__":
    main()
