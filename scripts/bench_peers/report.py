"""From seconds to ratios: medians, and how many times ours each contender takes of wall time and of processor time."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.catalog import OPERATIONS
from scripts.bench_peers import roster
from scripts.bench_peers.pictures import READERS

SCRIPT_GOAL, DECODE_GOAL = 3.0, 8.0
"""How many times the speed of the script is wanted for all analyses, and how many times fewer frames are to be decoded."""
OUR_STEP, ALL_FRAMES = "on the frames that we sample", "on every frame"
Figures = Mapping[str, Any]


class Runs:
    """What was measured: contender -> part -> one entry a round."""

    def __init__(self) -> None:
        self._by: dict[tuple[str, str], list[Figures]] = {}

    def add(self, contender: str, part: str, figures: Figures) -> None:
        """Keeps one measurement."""
        self._by.setdefault((contender, part), []).append(figures)

    def drop(self, contender: str) -> None:
        """Forgets a contender that failed."""
        self._by = {key: runs for key, runs in self._by.items() if key[0] != contender}

    def of(self, contender: str, part: str) -> list[Figures]:
        """The rounds of one part."""
        return self._by[contender, part]

    def parts(self, contender: str) -> list[str]:
        """The parts that were measured."""
        return [part for name, part in self._by if name == contender]


def every(subject: str) -> str:
    """The part of a package that is shown every frame."""
    return f"{subject}, every frame"


def versus(ours: Sequence[Figures], theirs: Sequence[Figures]) -> dict[str, float]:
    """Median seconds of both, and the median over the rounds of theirs divided by ours."""
    both = list(zip(ours, theirs, strict=True))
    return {
        "ours_wall_s": statistics.median(run["wall_s"] for run in ours),
        "ours_cpu_s": statistics.median(run["cpu_s"] for run in ours),
        "wall_s": statistics.median(run["wall_s"] for run in theirs),
        "cpu_s": statistics.median(run["cpu_s"] for run in theirs),
        "wall_ratio": statistics.median(b["wall_s"] / a["wall_s"] for a, b in both),
        "cpu_ratio": statistics.median(b["cpu_s"] / a["cpu_s"] for a, b in both),
    }


def summed(jobs: Sequence[Sequence[Figures]]) -> list[dict[str, float]]:
    """Per round, the sum of the jobs' seconds and decoded frames."""
    keys = ("wall_s", "cpu_s", "frames")
    return [{key: sum(job[key] for job in jobs_of_round) for key in keys} for jobs_of_round in zip(*jobs, strict=True)]


def on_every_frame(run: Figures) -> dict[str, float]:
    """The seconds of a package that looked at some frames, had it looked at all."""
    more = run["frames"] / run["looks"] - 1 if run["looks"] else 0.0
    return {
        "wall_s": run["wall_s"] + more * run["look_s"],
        "cpu_s": run["cpu_s"] + more * run["look_cpu_s"],
    }


def report(about: Figures, runs: Runs, left_out: Mapping[str, str]) -> dict[str, Any]:
    """All comparisons of what was measured."""
    readers = [name for name in READERS if runs.parts(name)]
    packages = [name for name in roster.PEERS if runs.parts(name)]
    return {
        **about,
        "script": {name: against_script(runs, name) for name in readers},
        "ours": {part: ours_parts(runs.of("ours", part)) for part in runs.parts("ours")},
        "packages": {name: against_package(runs, name) for name in packages},
        "left_out": dict(left_out),
    }


def ours_parts(rounds: Sequence[Figures]) -> dict[str, float]:
    """Median seconds of each of our stages, the dearest first."""
    stages = {key: statistics.median(run["stages"].get(key, 0.0) for run in rounds) for key in rounds[0]["stages"]}
    return dict(sorted(stages.items(), key=lambda entry: -entry[1]))


def against_script(runs: Runs, name: str) -> dict[str, Any]:
    """All analyses together against a job each."""
    jobs = {part: runs.of(name, part) for part in runs.parts(name)}
    ours, theirs = runs.of("ours", "all"), summed(list(jobs.values()))
    return {
        **versus(ours, theirs),
        "frames": theirs[0]["frames"],
        "ours_frames": ours[0]["frames"],
        "decode_ratio": theirs[0]["frames"] / ours[0]["frames"],
        "goal": SCRIPT_GOAL,
        "jobs": {OPERATIONS[part].analysis: medians(rounds) for part, rounds in jobs.items()},
        "items": {part: (ours[0]["items"][part], jobs[part][0]["items"]) for part in jobs},
    }


def medians(rounds: Sequence[Figures]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(run[key] for run in rounds) for key in rounds[0]}


def against_package(runs: Runs, name: str) -> dict[str, Any]:
    """One of our analyses against a package, as `ways` of showing it the video; `counts` is the way that the goal is about."""
    peer = roster.PEERS[name]
    ours, theirs = runs.of("ours", peer.subject), runs.of(name, peer.subject)
    ways = {ALL_FRAMES: way(ours, theirs)} if "looks" not in theirs[0] else shown_both(runs, name, ours, theirs)
    return {
        "title": peer.title,
        "subject": peer.subject,
        "goal": peer.goal,
        "shows": peer.shows,
        "frames": theirs[0]["frames"],
        "ways": ways,
        "counts": OUR_STEP if peer.shows == roster.SINGLE else ALL_FRAMES,
    }


def shown_both(runs: Runs, name: str, ours: Sequence[Figures], theirs: Sequence[Figures]) -> dict[str, Any]:
    """A package on the frames that we sample, and on every frame: measured, or computed of what a look took."""
    part = every(roster.PEERS[name].subject)
    at_step = way(ours, theirs)
    if part in runs.parts(name):
        return {OUR_STEP: at_step, ALL_FRAMES: way(ours, runs.of(name, part))}
    computed = versus(ours, [on_every_frame(run) for run in theirs])
    looks = theirs[0]["frames"]
    return {OUR_STEP: at_step, ALL_FRAMES: {**computed, "looks": looks, "is_measured": False}}


def way(ours: Sequence[Figures], theirs: Sequence[Figures]) -> dict[str, Any]:
    """What was measured of one way."""
    looks = theirs[0].get("looks", theirs[0]["frames"])
    return {**versus(ours, theirs), "looks": looks, "is_measured": True}
