#!/usr/bin/env python3
"""How far a run is from the floor that decoding and inference set.

    scripts/bench.py VIDEO [--analyses labels,faces,segments] [--repeat 3] [--json FILE [--write]]
    scripts/bench.py VIDEO --peers [--only opencv,rapidocr,…] [--seconds 10] [--most-s 15] [--repeat 3] [--json FILE [--write]]
    scripts/bench.py --from FILE [--write]

floor = max(decode, inference) on the cores granted. Decode is the fastest of one and of all threads for just the frames somebody looks at;
inference is the time inside the models for just the calls that were made: calls one after the other with all cores each, or the time of
calls on one core each divided by the cores, whichever is less. Both are measured alone, each phase in a fresh process, phases by turns;
figures are medians. Machines are noisy: read the ratios, not the seconds.

With `--peers`, how many times the wall and processor time of ours the script that people write and the packages that they use take for the
same video: in an environment of its own, models loaded before, likewise in fresh processes by turns.

FILE holds the reports of all videos that were measured with it, of one of both kinds; `--write` makes of them the tables in
docs/performance.md. `--from` shows or writes the tables again without measuring.
"""

import in_venv

in_venv.enter(*(in_venv.PEERS if in_venv.asked("--peers") else ()))

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import analyses, logs
from pipeline.analyses.types import Stage
from pipeline.analyze import analyze
from pipeline.catalog import OPERATIONS
from pipeline.detect.types import Listener
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.sampling import sampled
from pipeline.media.types import Stretch
from pipeline.models.threads import cores
from pipeline.models.types import Models
from pipeline.run import Lanes
from scripts import bench_reports, floor_table, pulled
from scripts.bench_peers import command
from scripts.timed_models import TimedModels


def main() -> None:
    """Measures and prints."""
    parser = options()
    arguments = parser.parse_args()
    logs.configure("WARNING", "console")
    if arguments.source:
        if arguments.video or arguments.json or arguments.peers:
            parser.error("--from: FILE says what was measured; give no video, --json or --peers beside it")
        bench_reports.again(parser, arguments.source, arguments.write)
        return
    reports = checked(parser, arguments)
    if arguments.peers:
        command.compare(parser, arguments, alone, reports)
    else:
        compare(parser, arguments, reports)


def options() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--analyses", default=",".join(o.analysis for o in OPERATIONS.values()))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where reports are kept, by video")
    parser.add_argument(
        "--from", dest="source", type=Path, help="a FILE of reports: measure nothing, show their tables"
    )
    parser.add_argument("--write", action="store_true", help="write the tables of all videos in FILE")
    command.add_to(parser)
    return parser


def checked(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> dict[str, Any]:
    """The reports kept so far; ends the script where something could not be measured, or not be kept afterwards."""
    if not arguments.video:
        parser.error("give a VIDEO to measure, or --from FILE")
    if not arguments.video.is_file():
        parser.error(f"{arguments.video} is not a file")
    if arguments.repeat < 1:
        parser.error(f"--repeat: at least 1, not {arguments.repeat}")
    if arguments.write and not arguments.json:
        parser.error("--write: what it writes is what --json FILE holds; give both")
    kind = bench_reports.PEERS if arguments.peers else bench_reports.FLOOR
    return bench_reports.kept(parser, arguments.json, kind, arguments.write)


def compare(parser: argparse.ArgumentParser, arguments: argparse.Namespace, reports: dict[str, Any]) -> None:
    """Measures a run and its floor, prints, and keeps the report with the others."""
    known = {operation.analysis: operation.name for operation in OPERATIONS.values()}
    if unknown := set(arguments.analyses.split(",")) - set(known):
        parser.error(f"no analyses are called {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    names = [known[name] for name in arguments.analyses.split(",")]
    pulled.complete(names)
    report = measured(arguments.video, names, arguments.repeat)
    print("\n".join(lines(report)))
    if arguments.json:
        reports[report["video"]] = report
        arguments.json.write_text(json.dumps(reports, indent=1), encoding="utf-8")
    if arguments.write:
        floor_table.write(reports)


def measured(video: Path, names: list[str], repeat: int) -> dict[str, Any]:
    """The report of so many rounds."""
    phases = {"decode": decode, "inference": inference, "actual": actual}
    runs: dict[str, list[dict[str, Any]]] = {phase: [] for phase in phases}
    before = os.getloadavg()[0]
    for _ in range(repeat):
        for phase, function in phases.items():
            runs[phase].append(alone(function, video, names))
    report = summary(video, names, {phase: median(of) for phase, of in runs.items()})
    return {**report, "rounds": repeat, "load": (before, os.getloadavg()[0])}


def alone(function: Any, *arguments: Any) -> dict[str, Any]:
    """What a phase measured in a process of its own."""
    quiet = partial(logs.configure, "WARNING", "console")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), quiet) as pool:
        result: dict[str, Any] = pool.submit(function, *arguments).result()
        return result


def stages_of(names: list[str], models: Models) -> dict[str, Stage]:
    """The stages of all analyses, once each."""
    return {s.key: s for name in names for s in analyses.load(name).stages([OPERATIONS[name].minimal], models)}


def decode(video: Path, names: list[str]) -> dict[str, Any]:
    """Seconds to decode just the frames somebody looks at, with one thread and with all."""
    media, index = probe(video)
    stretch = Stretch(0, media.frame_count)
    stages = stages_of(names, pulled.library())
    wanted = np.unique(
        np.concatenate(
            [sampled(s.sampling, index, stretch) for s in stages.values() if not isinstance(s.detector, Listener)]
        )
    )
    took = {}
    for threads in sorted({1, cores()}):
        begun = time.perf_counter()
        frames = sum(1 for _ in read(video, media, index, stretch, wanted, replace(DecodeLimits(), threads=threads)))
        took[f"threads_{threads}"] = time.perf_counter() - begun
    return {"decode_s": min(took.values()), "frames": frames, **took}


def inference(video: Path, names: list[str]) -> dict[str, Any]:
    """Seconds inside the models when nothing else runs beside them; per model on one core."""
    one_each, all_each = calls(video, names, 1), calls(video, names, cores())
    per_model = {f"model {name}": seconds for name, seconds in one_each.spent.items()}
    return {
        "inference_s": min(sum(one_each.spent.values()) / cores(), sum(all_each.spent.values())),
        "all_cores_each_s": sum(all_each.spent.values()),
        **per_model,
        **{f"calls {name}": n for name, n in one_each.calls.items()},
    }


def calls(video: Path, names: list[str], threads: int) -> TimedModels:
    """Time and number of the calls, one after the other, each with so many threads."""
    media, index = probe(video)
    stretch = Stretch(0, media.frame_count)
    models = TimedModels(pulled.library(threads))
    stages = stages_of(names, models)
    watched = {key: stage for key, stage in stages.items() if not isinstance(stage.detector, Listener)}
    with Lanes(watched, index, stretch, media.frame_count) as lanes:
        for frame in read(video, media, index, stretch, lanes.numbers):
            lanes.add(frame.index, lanes.prepared(frame))
            lanes.settle()
        lanes.finish()
    return models


def actual(video: Path, names: list[str]) -> dict[str, Any]:
    """The run as a worker does it; models are loaded before, as they are in a worker that has worked before."""
    models = pulled.library(1)
    for name in {model for operation in names for model in analyses.load(operation).models()}:
        models.load(name)
    begun, cpu = time.perf_counter(), time.process_time()
    report = analyze(video, {name: OPERATIONS[name].minimal for name in names}, models, threads=cores())
    wall = time.perf_counter() - begun
    stages: dict[str, float] = {}
    for chunk in report.timings:
        for key, timing in chunk.items():
            stages[f"prepare {key}"] = stages.get(f"prepare {key}", 0.0) + timing.prepare_s
            stages[f"detect {key}"] = stages.get(f"detect {key}", 0.0) + timing.infer_s
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    facts = {"length_s": report.media.duration_ms / 1000, "frame_count": report.media.frame_count}
    return {"wall_s": wall, "cpu_s": time.process_time() - cpu, "peak_bytes": peak, **facts, **stages}


def median(runs: list[dict[str, Any]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(run.get(key, 0.0) for run in runs) for key in runs[0]}


def summary(video: Path, names: list[str], figures: Mapping[str, dict[str, float]]) -> dict[str, Any]:
    """All figures with what follows from them."""
    floor = max(figures["decode"]["decode_s"], figures["inference"]["inference_s"])
    wall, length = figures["actual"]["wall_s"], figures["actual"]["length_s"]
    derived = {"floor_s": floor, "ratio_to_floor": wall / floor, "realtime_factor": length / wall}
    return {"video": video.name, "analyses": names, "cores": cores(), **figures, **derived}


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report for people."""
    real, length = report["actual"], report["actual"]["length_s"]
    alone_s = report["inference"]["inference_s"]
    rows = [
        (
            "decode floor",
            f"{report['decode']['decode_s']:8.2f} s  {length / report['decode']['decode_s']:7.1f} × real time",
        ),
        (
            "inference floor",
            f"{alone_s:8.2f} s  {length / max(alone_s, 1e-9):7.1f} × real time",
        ),
        ("actual wall", f"{real['wall_s']:8.2f} s  {report['realtime_factor']:7.1f} × real time"),
        ("actual CPU", f"{real['cpu_s']:8.2f} s"),
        ("ratio to floor", f"{report['ratio_to_floor']:8.2f}"),
        ("peak memory", f"{real['peak_bytes'] / 1e6:8.0f} MB"),
    ]
    rows += [(key, f"{value:8.2f} s") for key, value in real.items() if key.startswith(("prepare ", "detect "))]
    rows += [
        (key, f"{value:8.2f} s in {report['inference']['calls ' + key[6:]]:.0f} calls")
        for key, value in report["inference"].items()
        if key.startswith("model ")
    ]
    extent = f"{length:.1f} s of video, {real['frame_count']:.0f} frames"
    head = f"{report['video']}: {', '.join(report['analyses'])} on {report['cores']} cores, {extent}"
    return [head, *(f"  {name:28}{value}" for name, value in rows)]


if __name__ == "__main__":
    main()
