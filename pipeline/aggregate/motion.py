"""Kalman filters for the boxes of people, all tracks at once.

A box is described by the middle of its upper edge and the logarithms of its sides: feet are hidden first and more often than heads, and
sizes change by ratios. Widths change with every step somebody takes. Lengths are in heights of the picture. People are their own
yardstick: a person is about 1.7 m tall, walks at 1.4 m/s and changes speed by about half of that within a second, so noises are in
heights of the person.

Source: constant velocity with white acceleration (Bar-Shalom et al., "Estimation with Applications to Tracking and Navigation", 2001, 6.2);
measurement noise in shares of the box's height as in DeepSORT (Wojke et al., 2017).
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.media.types import F32

F64 = NDArray[np.float64]

START_SPEED = np.array([1.0, 0.5, 0.1, 0.1])
"""Deviation of the speed of a box seen once: persons' heights a second, and logarithms a second."""
FREEDOM = 4.0
"""Degrees of freedom of Student's t, which errors follow: boxes that take in a neighbour or half a body are far off more often than a
normal distribution knows. Source: Lange et al., "Robust Statistical Modeling Using the t Distribution", 1989."""
ACCELERATION = np.array([0.5, 0.25, 0.1, 0.1])
"""Change of speed within a second, likewise."""
SEEN = np.array([0.05, 0.05, 0.25, 0.06])
"""Deviation of a sure detection: persons' heights, and logarithms."""
HALF_SEEN = np.array([0.10, 0.10, 0.35, 0.20])
"""The same of an unsure detection, mostly of people partly hidden."""


def states(boxes: F32, aspect: float) -> F64:
    """(N, 4) middle x, top y, log width, log height in heights of the picture, from boxes (N, 4) in ratios."""
    left, top, width, height = np.asarray(boxes, np.float64).reshape(-1, 4).T
    wide, tall = np.maximum(width * aspect, 1e-4), np.maximum(height, 1e-4)
    return np.stack([left * aspect + wide / 2, top, np.log(wide), np.log(tall)], axis=1)


def boxes_of(places: F64, aspect: float) -> F32:
    """(N, 4) left, top, width, height in ratios from `states`."""
    x, y, wide, tall = places[:, 0], places[:, 1], np.exp(places[:, 2]), np.exp(places[:, 3])
    return np.stack([(x - wide / 2) / aspect, y, wide / aspect, tall], axis=1).astype(np.float32)


class Filters:
    """One filter per track and coordinate.

    Attributes:
        mean: (T, 4, 2) coordinate and its speed per second.
        spread: (T, 4, 3) variance of the coordinate, covariance, variance of the speed.
    """

    def __init__(self) -> None:
        self.mean: F64 = np.zeros((0, 4, 2))
        self.spread: F64 = np.zeros((0, 4, 3))

    def begin(self, places: F64) -> None:
        """Adds a track per place (N, 4), at rest."""
        self.mean = np.concatenate([self.mean, np.stack([places, np.zeros_like(places)], axis=2)])
        unit = _units(places[:, 3])
        spread = np.stack([(SEEN * unit) ** 2, np.zeros_like(places), (START_SPEED * unit) ** 2], axis=2)
        self.spread = np.concatenate([self.spread, spread])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops all other tracks."""
        self.mean, self.spread = self.mean[rows], self.spread[rows]

    def advance(self, seconds: float, shift: tuple[float, float] = (0.0, 0.0)) -> None:
        """Moves all tracks on in time; the picture as a whole moved by `shift` (x, y in heights of the picture)."""
        self.mean[:, :, 0] += seconds * self.mean[:, :, 1]
        self.mean[:, :2, 0] += shift
        noise = (ACCELERATION * _units(self.mean[:, 3, 0])) ** 2
        place, cross, speed = self.spread[:, :, 0], self.spread[:, :, 1], self.spread[:, :, 2]
        self.spread = np.stack(
            [
                place + 2 * seconds * cross + seconds**2 * speed + noise * seconds**3 / 3,
                cross + seconds * speed + noise * seconds**2 / 2,
                speed + noise * seconds,
            ],
            axis=2,
        )

    def correct(self, rows: NDArray[np.int64], places: F64, noise: F64) -> None:
        """Takes in what was seen of the tracks `rows` (M,): places (M, 4), with deviations (M, 4) as shares of `_units`."""
        spread, mean = self.spread[rows], self.mean[rows]
        variance = (noise * _units(places[:, 3])) ** 2
        gain = spread[:, :, :2] / (spread[:, :, :1] + variance[:, :, None])
        self.mean[rows] = mean + gain * (places - mean[:, :, 0])[:, :, None]
        keep = 1 - gain[:, :, 0]
        self.spread[rows] = np.stack(
            [keep * spread[:, :, 0], keep * spread[:, :, 1], spread[:, :, 2] - gain[:, :, 1] * spread[:, :, 1]], axis=2
        )

    def distances(self, places: F64, noise: F64) -> tuple[F64, F64]:
        """(T, N) squared Mahalanobis distances of places (N, 4), and logarithms of the roots of the spreads' determinants."""
        variance = (noise * _units(places[:, 3])) ** 2
        total = self.spread[:, None, :, 0] + variance[None]
        squares = (self.mean[:, None, :, 0] - places[None]) ** 2 / total
        return squares.sum(axis=2), np.log(total).sum(axis=2) / 2


def tail(squares: F64, dimensions: int) -> F64:
    """Logarithms of the density at squared Mahalanobis distances, relative to that at 0."""
    fall: F64 = np.log1p(squares / FREEDOM) * (-(FREEDOM + dimensions) / 2)
    return fall


def _units(log_heights: F64) -> F64:
    """(N, 4) what the deviations are shares of: the person's height for places, 1 for logarithms."""
    heights = np.exp(log_heights)[:, None]
    return np.where(np.arange(4) < 2, heights, 1.0)
