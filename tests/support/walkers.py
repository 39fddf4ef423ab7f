"""People who walk through a picture, as the detectors would report them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.aggregate.persons import Keys, PersonTimeline
from pipeline.aggregate.types import Record
from pipeline.detect.appearance import SCENE, SIZE
from pipeline.detect.types import Appearances, Detections
from pipeline.media.types import Timestamp

KEYS = Keys("objects", "looks", "faces", "embeddings")
ASPECT = 16 / 9
STEP_MS = 200


@dataclass(frozen=True)
class Walker:
    """Somebody on a straight path.

    Attributes:
        start: Middle of the head at time 0, in heights of the picture.
        speed: The same, a second.
        height: In heights of the picture.
        colour: Whose clothes are alike have equal ones.
        hidden: Seconds, from and to, in which they are not seen.
    """

    start: tuple[float, float]
    speed: tuple[float, float]
    height: float = 0.3
    colour: int = 0
    hidden: Sequence[tuple[float, float]] = ()

    def box(self, seconds: float, camera: float = 0.0) -> tuple[float, float, float, float] | None:
        """Left, top, width, height as ratios; None: not in view."""
        x, y = (s + v * seconds for s, v in zip(self.start, self.speed, strict=True))
        width = 0.4 * self.height
        left = (x + camera - width / 2) / ASPECT
        away = any(begin <= seconds < end for begin, end in self.hidden)
        return None if away or not 0 <= left <= 1 - width / ASPECT else (left, y, width / ASPECT, self.height)


def look(colour: int, noise: np.random.Generator) -> Any:
    """(SIZE,) uint8 of somebody in clothes of that colour."""
    shares = np.random.default_rng(colour).dirichlet(np.full(SIZE, 0.1))
    shares = 0.9 * shares + 0.1 * noise.dirichlet(np.full(SIZE, 0.1))
    return np.rint(np.sqrt(shares / shares.sum() * 3) * 255).clip(0, 255).astype(np.uint8)


def frames(
    walkers: Sequence[Walker],
    seconds: float,
    seed: int = 0,
    jitter: float = 0.02,
    missed: float = 0.0,
    pan: float = 0.0,
) -> Iterator[tuple[int, Mapping[str, Any], list[int]]]:
    """(milliseconds, found, who each row is) of every sample; boxes are off by `jitter` of the height, a share of them is missed.

    The camera turns so that the picture's content moves by `pan` heights a second.
    """
    noise = np.random.default_rng(seed)
    world = np.random.default_rng(99).integers(0, 255, (SCENE[1], 40 * SCENE[0])).astype(np.uint8)
    for time in range(0, round(seconds * 1000), STEP_MS):
        moved = pan * time / 1000
        seen = [
            (n, box) for n, w in enumerate(walkers) if (box := w.box(time / 1000, moved)) and noise.random() >= missed
        ]
        noise.shuffle(seen)
        boxes = np.array([box for _, box in seen], np.float32).reshape(-1, 4)
        boxes += noise.normal(0, jitter, boxes.shape).astype(np.float32) * boxes[:, 3:]
        looks = np.array([look(walkers[n].colour, noise) for n, _ in seen], np.uint8).reshape(-1, SIZE)
        start = 20 * SCENE[0] - round(moved / ASPECT * SCENE[0])
        found = {
            KEYS.objects: Detections(boxes, np.full(len(seen), 0.9, np.float32), np.zeros(len(seen), np.int64)),
            KEYS.looks: Appearances(looks, world[:, start : start + SCENE[0]]),
        }
        yield time, found, [n for n, _ in seen]


def tracked(samples: Sequence[tuple[int, Mapping[str, Any]]]) -> list[Record]:
    """The records of the samples."""
    timeline = PersonTimeline(KEYS, ASPECT)
    stamps = [Timestamp(time, Fraction(1, 1000)) for time, _ in samples]
    records = [r for number, (_, found) in enumerate(samples) for r in timeline.add(number, stamps[number], found)]
    return records + list(timeline.finish(Timestamp(samples[-1][0] + STEP_MS, Fraction(1, 1000))))
