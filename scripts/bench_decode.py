#!/usr/bin/env python3
"""What decoding and scaling cost, as ratios of a full decode's processor time.

    scripts/bench_decode.py VIDEO... [--rounds 5] [--json FILE]

For each set of analyses: frames that somebody looks at, packets that the decoder got, and processor time of one thread for reading those
frames and for making what the detectors ask of them, each over that of decoding all frames with PyAV. Sets take turns; figures are medians.
"""

import in_venv

in_venv.enter()

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np

from pipeline import analyses, logs
from pipeline.analyses.types import Stage
from pipeline.catalog import OPERATIONS
from pipeline.detect.types import Listener
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.sampling import sampled
from pipeline.media.tally import Tally
from pipeline.media.types import I64, Stretch
from pipeline.models.types import Models
from scripts import pulled

Lanes = list[list[Stage]]
ALL = tuple(operation.name for operation in OPERATIONS.values())
SETS = {
    "labels": ("LabelDetection",),
    "persons": ("PersonTracking",),
    "segments": ("SegmentDetection",),
    "all eight": ALL,
}


class Clip:
    """A video and what is looked at in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.media, self.index = probe(path)
        self.whole = Stretch(0, len(self.index.pts))

    def full(self) -> dict[str, Any]:
        """Every frame, as anybody decodes it with one thread."""
        begun = time.process_time()
        with av.open(str(self.path)) as container:
            stream = container.streams[self.media.stream_index]
            stream.codec_context.thread_count = 1  # type: ignore[union-attr]
            frames = sum(1 for _ in container.decode(stream))  # type: ignore[arg-type]
        return {"frames": frames, "read_s": time.process_time() - begun, "prepare_s": 0.0}

    def needed(self, lanes: Lanes) -> dict[str, Any]:
        """Just the frames that the lanes look at, and what they make of them."""
        wanted = [np.unique(np.concatenate([self.sampled(stage) for stage in lane])) for lane in lanes]
        numbers, looked_at = np.unique(np.concatenate(wanted)), [frozenset(each.tolist()) for each in wanted]
        tally, prepare_s, begun = Tally(), 0.0, time.process_time()
        for frame in read(self.path, self.media, self.index, self.whole, numbers, tally=tally):
            started = time.process_time()
            for lane, own in zip(lanes, looked_at, strict=True):
                if frame.index in own:
                    lane[0].detector.prepare(frame)  # type: ignore[union-attr]
            prepare_s += time.process_time() - started
        spent = time.process_time() - begun
        return {"frames": len(numbers), "read_s": spent - prepare_s, "prepare_s": prepare_s, **asdict(tally)}

    def sampled(self, stage: Stage) -> I64:
        """Numbers of the frames that the stage looks at."""
        return sampled(stage.sampling, self.index, self.whole)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    logs.configure("WARNING", "console")
    pulled.complete(ALL)
    models = pulled.library()
    lanes = {name: lanes_of(operations, models) for name, operations in SETS.items()}
    reports = [report(Clip(path), lanes, arguments.rounds) for path in arguments.videos]
    print("\n".join(lines(reports)))
    if arguments.json:
        arguments.json.write_text(json.dumps(reports, indent=1), encoding="utf-8")


def lanes_of(operations: Sequence[str], models: Models) -> Lanes:
    """The stages that look at pictures, by lane: what several analyses share is made once."""
    found: dict[str, list[Stage]] = {}
    for name in operations:
        for stage in analyses.load(name).stages([OPERATIONS[name].minimal], models):
            if not isinstance(stage.detector, Listener):
                found.setdefault(stage.lane or stage.key, []).append(stage)
    return list(found.values())


def report(clip: Clip, lanes: dict[str, Lanes], rounds: int) -> dict[str, Any]:
    """Medians over the rounds, by set."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ("full", *lanes)}
    for _ in range(rounds):
        runs["full"].append(clip.full())
        for name, own in lanes.items():
            runs[name].append(clip.needed(own))
    medians = {name: {key: statistics.median(run[key] for run in own) for key in own[0]} for name, own in runs.items()}
    return {"video": clip.path.name, "frame_count": clip.media.frame_count, "sets": medians}


def lines(reports: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A table for people."""
    yield "| video, frames | analyses | looked at | decoded | to be skipped unless referred to | reading | scaling and normalising |"
    yield "|---|---|---|---|---|---|---|"
    for one in reports:
        full = one["sets"]["full"]["read_s"]
        for name, run in one["sets"].items():
            if name != "full":
                shares = f"{run['read_s'] / full:.2f} | {run['prepare_s'] / full:.2f}"
                counts = f"{run['frames']:.0f} | {run['pictures']:.0f} | {run['excused']:.0f}"
                yield f"| {one['video']}, {one['frame_count']} | {name} | {counts} | {shares} |"


if __name__ == "__main__":
    main()
