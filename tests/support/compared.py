"""Figures of a comparison, made up, as `scripts/bench.py --peers` measures them."""

from typing import Any

from pipeline.catalog import OPERATIONS
from scripts.bench_peers.report import Runs, every

ABOUT = {
    "video": "clip.mp4",
    "length_s": 4.0,
    "frames": 100,
    "size": "64×48",
    "cores": 2,
    "load": (0.5, 1.5),
    "rounds": 3,
}


def seconds(wall: float, cpu: float, **others: Any) -> dict[str, Any]:
    return {"wall_s": wall, "cpu_s": cpu, **others}


def of_script() -> Runs:
    """Runs of ours and of the script's eight jobs."""
    runs = Runs()
    items = dict.fromkeys(OPERATIONS, 7)
    runs.add("ours", "all", seconds(2, 4, frames=100, items=items, stages={"decode": 0.5, "detect objects-200ms": 1.5}))
    for name in OPERATIONS:
        job = seconds(1, 1, frames=100, items=7, looks=9, decode_s=0.1, prepare_s=0.2, detect_s=0.7)
        runs.add("pyav", name, job)
    return runs


LOOK = {"frames": 100, "looks": 10, "look_s": 2, "look_cpu_s": 3, "items": 5}


def of_text(every_frame: bool = False) -> Runs:
    """Runs of ours and of rapidocr, which its documentation shows single pictures."""
    runs = Runs()
    runs.add("ours", "text", seconds(2, 4, frames=100, items={}, stages={}))
    runs.add("rapidocr", "text", seconds(3, 4, **LOOK))
    if every_frame:
        runs.add("rapidocr", every("text"), seconds(30, 40, **(LOOK | {"looks": 100})))
    return runs
