"""Shots and turns of the camera, seen in very small pictures of the scene a sample apart, by phase correlation.

Source: Kuglin and Hines, "The phase correlation image alignment method", 1975; a parabola through the peak for parts of a pixel.
"""

import numpy as np

from pipeline.aggregate.motion import F64
from pipeline.media.types import U8

REACH = 0.25
"""Largest shift that is looked for, as a share of the picture."""
BETTER = 0.05
"""By how much a shift must improve the agreement to be believed."""
SAME = 0.5
"""Least agreement within a shot."""


class Camera:
    """Follows the camera from sample to sample.

    Attributes:
        drift: (2,) how far the picture's content has moved since the shot began, to the right and down, in heights of the picture.
    """

    def __init__(self, aspect: float) -> None:
        self._scale = np.array([aspect, 1.0])
        self._before: U8 | None = None
        self.drift: F64 = np.zeros(2)

    def add(self, scene: U8) -> bool:
        """Whether a shot begins with this scene."""
        before, self._before = self._before, scene
        if before is None:
            return True
        moved, fits = _turn(before, scene)
        self.drift = self.drift + moved * self._scale if fits >= SAME else np.zeros(2)
        return fits < SAME


def _turn(before: U8, after: U8) -> tuple[F64, float]:
    """(2,) how far the picture's content moved, as ratios, and how well the two agree then."""
    still = np.zeros(2)
    fits = agreement(before, after, still)
    if fits > 1 - BETTER:  # nothing could be better enough
        return still, fits
    moved = shift(before, after)
    better = agreement(before, after, moved)
    return (moved, better) if better > fits + BETTER else (still, fits)


def shift(before: U8, after: U8) -> F64:
    """(2,) how far the picture's content moved to the right and down, as ratios of the picture."""
    size = np.array(before.shape)
    window = np.outer(np.hanning(size[0]), np.hanning(size[1]))
    spectra = [np.fft.rfft2((p - p.mean()) * window) for p in (before.astype(np.float64), after.astype(np.float64))]
    cross = spectra[1] * spectra[0].conj()
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), s=before.shape)
    rows, columns = (range(-int(n * REACH), int(n * REACH) + 1) for n in size)
    near = surface[np.ix_(rows, columns)]
    top, left = divmod(int(near.argmax()), near.shape[1])
    y, x = (
        peak + _part(line, index)
        for peak, line, index in ((rows[top], near[:, left], top), (columns[left], near[top], left))
    )
    return np.array([x / size[1], y / size[0]])


def _part(line: F64, index: int) -> float:
    """Where between -0.5 and 0.5 the top of the parabola through three neighbours lies."""
    if not 0 < index < len(line) - 1:
        return 0.0
    left, top, right = line[index - 1 : index + 2]
    curve = left - 2 * top + right
    return float(np.clip((left - right) / (2 * curve), -0.5, 0.5)) if curve < 0 else 0.0


def agreement(before: U8, after: U8, moved: F64) -> float:
    """Correlation, -1 to 1, of what two pictures share after a shift by `moved` (ratios)."""
    rows, columns = before.shape
    x, y = round(float(moved[0]) * columns), round(float(moved[1]) * rows)
    old = before[max(0, -y) : rows - max(0, y), max(0, -x) : columns - max(0, x)].astype(np.float64)
    new = after[max(0, y) : rows - max(0, -y), max(0, x) : columns - max(0, -x)].astype(np.float64)
    spreads = old.std() * new.std()
    if spreads < 1e-6:
        return 1.0 if old.std() == new.std() else 0.0
    return float(((old - old.mean()) * (new - new.mean())).mean() / spreads)
