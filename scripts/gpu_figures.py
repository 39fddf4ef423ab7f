"""What a GPU gains: the figures of `scripts/bench_gpu.py` as tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

WAYS = ("cpu", "cuda, plain", "cuda", "tensorrt")
"""Of running a model; "cuda" and "tensorrt" bind their inputs, as workers do, "cuda, plain" does not."""
Row = Mapping[str, Any]


def models_table(rows: Sequence[Row], ways: Sequence[str]) -> list[str]:
    """Milliseconds per picture on the CPU, and how many times fewer the others take; how far their answers are off.

    Args:
        rows: `model`, `batch`, `nodes` on the GPU and in all, and for each way `ms` of a run and `off` as a share of the largest number.
        ways: Some of `WAYS`, the CPU first.
    """
    others = [way for way in ways if way != "cpu"]
    head = ["model", "batch", "CPU, ms a picture", *(f"{way}: times" for way in others), "off by", "nodes on the GPU"]
    lines = [_line(head), "|---" * len(head) + "|"]
    for row in rows:
        alone = row["ms"]["cpu"]
        times = [f"{alone / row['ms'][way]:.1f}" if way in row["ms"] else "–" for way in others]
        off = max((row["off"][way] for way in others if way in row["off"]), default=0.0)
        here, whole = row["nodes"]
        cells = [row["model"], row["batch"], f"{alone / row['batch']:.2f}", *times, f"{off:.0e}", f"{here} of {whole}"]
        lines.append(_line(cells))
    return lines


def runs_table(runs: Sequence[Row]) -> list[str]:
    """Seconds of whole runs by device of the models and of decoding; ratios to the first, which is the CPU alone.

    Args:
        runs: `device`, `decode_device`, `wall_s` and `cpu_s`, medians.
    """
    head = ["models on", "decoded on", "wall, s", "times", "processor, s", "times"]
    lines = [_line(head), "|---" * len(head) + "|"]
    for run in runs:
        wall, cpu = runs[0]["wall_s"] / run["wall_s"], runs[0]["cpu_s"] / run["cpu_s"]
        took = f"{run['wall_s']:.2f}", f"{wall:.1f}", f"{run['cpu_s']:.2f}", f"{cpu:.1f}"
        cells = [run["device"], run["decode_device"], *took]
        lines.append(_line(cells))
    return lines


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
