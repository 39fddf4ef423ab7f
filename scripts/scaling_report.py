"""Which fleets are simulated, and how `scripts/bench_scaling.py` tells what came out."""

from collections.abc import Mapping
from typing import Any

from scripts.scaling_simulation import Fleet, Outcome, Stages, table

SIZES = (8, 64, 512)
CHUNKS_MIN = (2.0, 0.5, 1 / 6)
MIXES = {"one hour": [60.0], "six hours": [360.0], "2,000 clips of 30 s": [0.5] * 2000}
KNOBS = {
    "planning": "nothing but fewer bytes per video: one process reads the whole file once",
    "fetching the video": "more workers per machine, a faster link to the object store",
    "transactions": "REELSIGHT_CHUNK_S up, a faster database",
    "chunks": "REELSIGHT_CHUNK_S down",
    "finishing": "more workers of `control` where there are many videos; for one video nothing",
}


def simulated(stages: Stages) -> list[dict[str, Any]]:
    """Every mix of videos with every fleet and length of chunks."""
    rows = []
    for name, minutes in MIXES.items():
        for length in CHUNKS_MIN:
            fleets = [Fleet(size, control=max(2, size // 16), chunk_min=length) for size in SIZES]
            for fleet, outcome, speed_up in table(stages, fleets, minutes):
                rows.append(_row(name, fleet, outcome, speed_up))
            if name not in {"one hour", "six hours"}:
                break  # clips are one chunk anyway
    return rows


def _row(name: str, fleet: Fleet, outcome: Outcome, speed_up: float) -> dict[str, Any]:
    worst = max(outcome.losses, key=lambda loss: outcome.losses[loss])
    return {
        "videos": name,
        "workers": fleet.workers,
        "chunk_s": round(60 * fleet.chunk_min),
        "wall_s": outcome.wall,
        "speed_up": speed_up,
        "efficiency": speed_up / fleet.workers,
        "losses_s": dict(outcome.losses),
        "bottleneck": worst,
        "turn": KNOBS[worst],
    }


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report for people."""
    one, two = report["measured"]["1"], report["measured"]["2"]
    stages, errors = report["stages"], report["errors"]
    told = [
        f"{report['video_minutes']:.2f} min of video in {report['chunks']} chunks; load of the machine {report['load']:.1f}",
        f"one worker {one['wall']:.1f} s ({one['cpu']:.1f} s cpu), two workers {two['wall']:.1f} s ({two['cpu']:.1f} s cpu)",
        f"speed-up {report['speed_up']:.2f}, cpu ratio {report['cpu_ratio']:.2f}, results equal: {report['equal']}",
        f"simulated speed-up {report['simulated_speed_up']:.2f}; error with one worker {errors['1']:+.1%}, with two {errors['2']:+.1%}",
        "stages: " + ", ".join(f"{name} {value:.4g}" for name, value in stages.items()),
        "",
        "| videos | chunk_s | workers | wall s | speed-up | efficiency | costs most | seconds | turn |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    told.extend(
        f"| {row['videos']} | {row['chunk_s']} | {row['workers']} | {row['wall_s']:.0f} | {row['speed_up']:.1f} "
        f"| {row['efficiency']:.0%} | {row['bottleneck']} | {row['losses_s'][row['bottleneck']]:.1f} | {row['turn']} |"
        for row in report["simulated"]
    )
    return told
