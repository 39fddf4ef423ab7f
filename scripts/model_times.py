"""Times of models by turns, and what is said of them."""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.model_calls import Calls


def by_turns(rivals: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median milliseconds of the processor that each takes; the first call of each does not count."""
    took: dict[str, list[float]] = defaultdict(list)
    for call in rivals.values():
        call()
    for _ in range(rounds):
        for name, call in rivals.items():
            begun = time.process_time()
            call()
            took[name].append((time.process_time() - begun) * 1000)
    return {name: statistics.median(several) for name, several in took.items()}


def distance(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> float:
    """Largest difference of two runs' outputs, each as a share of the output's largest number."""
    return max(float(np.abs(a - b).max() / max(1e-9, float(np.abs(a).max()))) for a, b in zip(one, other, strict=True))


def line(row: Mapping[str, Any], calls: Calls | None) -> str:
    """One model for people."""
    per_row = "  ".join(f"{size}: {ms:7.2f}" for size, ms in row["ms"].items())
    count = f"{calls.calls.get(row['model'], 0):5d} calls  " if calls else ""
    other = f"  openvino × {row['ratio']:.2f}, off by {row['off']:.1e}" if "ratio" in row else ""
    if "rewritten" in row:
        other += f"  × {row['rewritten']:.2f} of what it took before its rewrites, answers off by {row['moved']:.1e}"
    return f"{row['model']:28}{'×'.join(map(str, row['shape'])):16}{count}ms by batch  {per_row}{other}"


def around(calls: Calls) -> list[str]:
    """The stages for people: what they spend inside the models, and around them."""
    rows = [f"{'stage':28}{'frames':>8}{'prepare':>10}{'models':>10}{'around':>10}  ms of the processor per frame"]
    for key, stage in sorted(calls.stages.items(), key=lambda pair: -pair[1]["detect_ms"]):
        frames = max(1, stage["frames"])
        parts = (stage["prepare_ms"], stage["models_ms"], stage["detect_ms"] - stage["models_ms"])
        rows.append(f"{key:28}{stage['frames']:8.0f}" + "".join(f"{part / frames:10.2f}" for part in parts))
    return rows
