"""What all figures of accuracy are made of: truth files, answers as pages, matching, rates."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Pages = list[dict[str, Any]]
Load = Callable[[str, str], Pages | None]
"""(analysis, media file) -> the pages of the answer, None where there is none."""


def truth(folder: Path, name: str) -> Any:
    """Content of a truth file; None where there is none."""
    path = folder / "truth" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def items(pages: Pages, key: str) -> list[dict[str, Any]]:
    """All items of all pages."""
    return [item for page in pages for item in page.get(key, [])]


def match(scores: NDArray[Any], least: float) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) of the highest total score, each of at least `least`."""
    if not scores.size:
        return []
    allowed = np.where(scores >= least, scores + 1e-6, 0.0)
    return [(int(r), int(c)) for r, c in zip(*linear_sum_assignment(-allowed), strict=True) if scores[r, c] >= least]


def iou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """(n, m) intersection over union of boxes (n, 4) and (m, 4) given as left, top, width, height."""
    a, b = a.reshape(-1, 1, 4), b.reshape(1, -1, 4)
    near = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = np.clip(near, 0, None).prod(-1)
    return overlap / np.maximum(a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - overlap, 1e-9)


def rates(hits: int, predicted: int, expected: int) -> dict[str, Any]:
    """Precision, recall and F1 with their counts."""
    return {
        "precision": hits / predicted if predicted else None,
        "recall": hits / expected if expected else None,
        "f1": 2 * hits / (predicted + expected) if predicted + expected else None,
        "hits": hits,
        "predicted": predicted,
        "expected": expected,
    }


def pixels(boxes: Iterable[Mapping[str, float]], width: int, height: int) -> NDArray[Any]:
    """(n, 4) left, top, width, height in pixels of a picture, from BoundingBoxes."""
    size = np.array([width, height, width, height], float)
    return np.array([[b["Left"], b["Top"], b["Width"], b["Height"]] for b in boxes], float).reshape(-1, 4) * size


def truth_boxes(boxes: Iterable[Mapping[str, float]]) -> NDArray[Any]:
    """(n, 4) left, top, width, height in pixels, from a truth file."""
    return np.array([[b["left"], b["top"], b["width"], b["height"]] for b in boxes], float).reshape(-1, 4)
