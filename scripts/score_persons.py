"""Tracks of people against ground truth, in the metrics of MOTChallenge (computed by motmetrics) and HOTA."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import motmetrics
import numpy as np
from scipy.optimize import linear_sum_assignment

from scripts.metrics import Load, Pages, iou, items, pixels, truth, truth_boxes

TRACK_IOU = 0.5
HOTA_THRESHOLDS = np.arange(0.05, 0.96, 0.05)
MOT = {"mota": "mota", "idf1": "idf1", "num_switches": "switches", "recall": "recall", "precision": "precision"}
Boxes = tuple[Sequence[int], Any]
"""Identities (n) and boxes (n, 4: left, top, width, height in pixels) of one frame."""


def track_truths(folder: Path) -> Iterable[Mapping[str, Any]]:
    """The clips with tracks: {"file", "frames", "boxes": {frame from 1: boxes}}."""
    for path in sorted((folder / "truth").glob("mot_*.json")):
        yield truth(folder, path.stem)


def score_persons(folder: Path, load: Load) -> dict[str, Any]:
    """MOTA, IDF1, HOTA, switches, recall and precision of every clip with tracks."""
    return {
        Path(known["file"]).stem: track_figures(known, pages)
        for known in track_truths(folder)
        if (pages := load("persons", known["file"])) is not None
    }


def track_figures(known: Mapping[str, Any], pages: Pages) -> dict[str, Any]:
    """Figures of one clip, over the frames that were looked at, at an IoU of at least .5."""
    metadata = pages[0]["VideoMetadata"]
    found = _found(pages, metadata)
    looked = next((sorted(page["SampledFrames"]) for page in pages if "SampledFrames" in page), None)
    frames = looked if looked is not None else sampling_grid(sorted(found), known["frames"])
    nothing: Boxes = ([], np.zeros((0, 4)))
    pairs = [(_wanted(known, frame), found.get(frame, nothing)) for frame in frames]
    accumulator = motmetrics.MOTAccumulator()
    for frame, (wanted, seen) in zip(frames, pairs, strict=True):
        overlap = iou(wanted[1], seen[1])
        accumulator.update(wanted[0], seen[0], np.where(overlap >= TRACK_IOU, 1 - overlap, np.nan), frameid=frame)
    host = motmetrics.metrics.create()
    figures = host.compute(accumulator, metrics=list(MOT), return_dataframe=False)
    plain = {name: float(figures[key]) for key, name in MOT.items()}
    return plain | {"hota": hota(pairs), "switches": int(plain["switches"]), "frames": len(frames)}


def sampling_grid(frames: Sequence[int], total: int) -> list[int]:
    """The frames that were looked at, where only those with somebody in them are known: their commonest step, through the first."""
    if len(frames) < 2:
        return list(frames)
    step = Counter(np.diff(frames).tolist()).most_common(1)[0][0]
    return list(range(frames[0] % step, total, step))


def _found(pages: Pages, metadata: Mapping[str, Any]) -> dict[int, Boxes]:
    by_frame: dict[int, list[Mapping[str, Any]]] = {}
    for item in items(pages, "Persons"):
        frame = round(item["Timestamp"] * metadata["FrameRate"] / 1000)
        by_frame.setdefault(frame, []).append(item["Person"])
    size = metadata["FrameWidth"], metadata["FrameHeight"]
    return {
        frame: ([person["Index"] for person in people], pixels((p["BoundingBox"] for p in people), *size))
        for frame, people in by_frame.items()
    }


def _wanted(known: Mapping[str, Any], frame: int) -> Boxes:
    boxes = known["boxes"].get(str(frame + 1), [])
    return [box["id"] for box in boxes], truth_boxes(boxes)


def hota(pairs: Sequence[tuple[Boxes, Boxes]]) -> float:
    """Higher order tracking accuracy of (wanted, seen) frames, the mean over all `HOTA_THRESHOLDS`.

    Source: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021; matched as in TrackEval.
    """
    names = [sorted({name for pair in pairs for name in pair[side][0]}) for side in (0, 1)]
    frames = [
        (
            *(np.searchsorted(n, side[0]).astype(int) for n, side in zip(names, pair, strict=True)),
            iou(pair[0][1], pair[1][1]),
        )
        for pair in pairs
    ]
    shape = len(names[0]), len(names[1])
    counts = [np.zeros(size) for size in shape]
    shared = np.zeros(shape)
    for rows, columns, overlap in frames:
        counts[0][rows] += 1
        counts[1][columns] += 1
        union = overlap.sum(axis=0)[None] + overlap.sum(axis=1)[:, None] - overlap
        shared[np.ix_(rows, columns)] += overlap / np.maximum(union, 1e-9)
    alignment = shared / np.maximum(counts[0][:, None] + counts[1][None] - shared, 1e-9)
    best = [(r, c, o, linear_sum_assignment(-alignment[np.ix_(r, c)] * o)) for r, c, o in frames]
    return float(np.mean([_hota_at(least, best, counts) for least in HOTA_THRESHOLDS]))


def _hota_at(least: float, best: Sequence[tuple[Any, ...]], counts: Sequence[Any]) -> float:
    matches = np.zeros((len(counts[0]), len(counts[1])))
    for rows, columns, overlap, (one, other) in best:
        hit = overlap[one, other] >= least - 1e-9
        matches[rows[one[hit]], columns[other[hit]]] += 1
    association = matches / np.maximum(counts[0][:, None] + counts[1][None] - matches, 1)
    return float(np.sqrt((matches * association).sum() / max(sum(map(np.sum, counts)) - matches.sum(), 1)))
