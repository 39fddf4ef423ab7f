"""What two detectors say of the same picture, as one answer.

Boxes of one class that overlap are the same object: its box is the mean of the two, weighted by their scores.
Source: Solovyev et al., "Weighted boxes fusion", 2021 (arXiv 1910.13302), with its overlap.

Networks of different families err differently, so their odds multiply; what one of them does not report it has seen with less than the
lowest score that is asked for, and that counts against the object: odds = 5 · (odds of PicoDet)^1.5 · (odds of EfficientDet-Lite2).
Source: Chen et al., "Multimodal Object Detection via Probabilistic Ensembling", 2022 (arXiv 2104.02904), for the form. The powers are
rounded from logistic regressions on what YOLO26n, a stronger detector that is no part of the product, or annotators of people see in
223 frames and pictures of 23 clips and 60 photos, each clip weighing as much as a photo. YOLO26n misses things too, so the factor is set
on 108 objects that it does not confirm, looked at one by one: once `aggregate.evidence` has weighed people and things, what is said to be
there with 50 percent is there about half of the time.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.boxes import corners_of, iou
from pipeline.detect.objects import SCORE_FLOOR
from pipeline.detect.types import Detections
from pipeline.media.types import F32, I64

OVERLAP = 0.55
UNSEEN = 0.05
"""Score of what a detector does not report; both are asked for everything above it."""
FACTOR, FIRST_POWER = 5.0, 1.5


def fused(first: Detections, second: Detections) -> Detections:
    """The objects of both, best first; scores mean what PicoDet's do, and end at the same floor.

    Args:
        first: PicoDet's, with everything from a score of `UNSEEN`.
        second: EfficientDet-Lite2's, likewise.
    """
    mine, theirs = _pairs(first, second)
    only_mine = np.setdiff1d(np.arange(len(first.scores)), mine)
    only_theirs = np.setdiff1d(np.arange(len(second.scores)), theirs)
    unseen = np.full(max(len(only_mine), len(only_theirs)), UNSEEN, np.float32)
    scores = score(
        np.concatenate([first.scores[mine], first.scores[only_mine], unseen[: len(only_theirs)]]),
        np.concatenate([second.scores[theirs], unseen[: len(only_mine)], second.scores[only_theirs]]),
    )
    between = _between(first.boxes[mine], second.boxes[theirs], first.scores[mine], second.scores[theirs])
    boxes = np.concatenate([between, first.boxes[only_mine], second.boxes[only_theirs]])
    classes = np.concatenate([first.classes[mine], first.classes[only_mine], second.classes[only_theirs]])
    best = np.argsort(-scores, kind="stable")
    best = best[scores[best] >= SCORE_FLOOR]
    return Detections(boxes[best], scores[best], classes[best])


def score(first: F32, second: F32) -> F32:
    """(N,) score of objects to which the detectors give these scores (N,), 0 to 1."""
    odds = FACTOR * _odds(first) ** FIRST_POWER * _odds(second)
    both: F32 = (odds / (1 + odds)).astype(np.float32)
    return both


def _odds(scores: F32) -> NDArray[np.float64]:
    sure = np.clip(scores.astype(np.float64), UNSEEN, 1 - 1e-6)
    return sure / (1 - sure)


def _pairs(first: Detections, second: Detections) -> tuple[I64, I64]:
    """Rows of `first` and of `second` that are the same objects; where several overlap, those that overlap most."""
    overlaps = iou(corners_of(first.boxes), corners_of(second.boxes))
    overlaps = np.where(first.classes[:, None] == second.classes[None], overlaps, 0)
    mine, theirs = np.nonzero(overlaps > OVERLAP)
    order = np.argsort(-overlaps[mine, theirs], kind="stable")
    pairs: dict[int, int] = {}
    for row, other in zip(mine[order].tolist(), theirs[order].tolist(), strict=True):
        if row not in pairs and other not in pairs.values():
            pairs[row] = other
    return np.array(list(pairs), np.int64), np.array(list(pairs.values()), np.int64)


def _between(first: F32, second: F32, first_scores: F32, second_scores: F32) -> F32:
    """(N, 4) means of boxes, weighted by their scores."""
    share = (first_scores / (first_scores + second_scores))[:, None]
    mean: F32 = (share * first + (1 - share) * second).astype(np.float32)
    return mean
