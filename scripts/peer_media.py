"""Media as the packages of `peers.py` are given them; runs in their environment, not in ours."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av


def truth(folder: Path, name: str) -> Any:
    """Content of a truth file; empty where there is none."""
    path = folder / "truth" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def frames(path: Path, step_s: float = 0.0) -> Iterator[tuple[int, float, Any]]:
    """(number, seconds, BGR) of the frames at least `step_s` apart."""
    with av.open(str(path)) as source:
        first, due = None, 0.0
        for number, frame in enumerate(source.decode(video=0)):
            first = frame.time if first is None else first
            seconds = frame.time - first
            if seconds >= due - 1e-6:
                due = (int(seconds / step_s + 1e-6) + 1) * step_s if step_s else 0.0
                yield number, seconds, frame.to_ndarray(format="bgr24")


def metadata(path: Path) -> dict[str, Any]:
    """VideoMetadata."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        rate = float(stream.average_rate)
        return {"FrameRate": rate, "FrameWidth": stream.width, "FrameHeight": stream.height}


def begin_s(path: Path) -> float:
    """When the first frame is shown, at least 0."""
    with av.open(str(path)) as source:
        first = next(source.decode(video=0))
        return max(float(first.time or 0), 0.0)


def box(left: float, top: float, right: float, bottom: float, shape: tuple[int, ...]) -> dict[str, float]:
    """BoundingBox in ratios."""
    height, width = shape[:2]
    edges = {
        "Left": left / width,
        "Top": top / height,
        "Width": (right - left) / width,
        "Height": (bottom - top) / height,
    }
    return {name: float(value) for name, value in edges.items()}
