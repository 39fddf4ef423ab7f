"""Rotated rectangles: the smallest around points, and those of one line of text joined."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull

F64 = NDArray[np.float64]
TALL = 1.5
GAP = 1.0
OFFSET = 0.3
TURN = np.radians(10)
SIZES = 1.5
UPRIGHT = 1.2


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rotated rectangle.

    Attributes:
        centre: (2,) x, y.
        axes: (2, 2) unit vectors: along the side that is nearer to horizontal, to the right; across it, downwards.
        half: (2,) half of the sides along these axes.
    """

    centre: F64
    axes: F64
    half: F64

    @property
    def is_tall(self) -> bool:
        """Whether it is clearly higher than wide: a line that runs up or down."""
        return bool(self.half[1] >= TALL * self.half[0])

    def corners(self) -> F64:
        """(4, 2) clockwise from the top left, as seen along the first axis."""
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        corners: F64 = self.centre + (signs * self.half) @ self.axes
        return corners

    def grown(self, by: float) -> "Rectangle":
        """The rectangle with all sides moved outwards."""
        return Rectangle(self.centre, self.axes, self.half + by)

    def unclip_distance(self, ratio: float) -> float:
        """How far a shrunk text region grows back: area times ratio by perimeter."""
        width, height = 2 * self.half
        return float(width * height * ratio / (2 * (width + height)))

    def covers(self, points: F64) -> NDArray[np.bool_]:
        """(...,) whether each of the points (..., 2) lies inside."""
        inside: NDArray[np.bool_] = np.all(np.abs((points - self.centre) @ self.axes.T) <= self.half, axis=-1)
        return inside


def smallest_rectangle(points: F64) -> Rectangle:
    """The rectangle of least area around points (N, 2) that do not lie on one line."""
    outline = points[ConvexHull(points).vertices]
    edges = np.roll(outline, -1, axis=0) - outline
    turns = np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2)
    turns = np.where(turns > np.pi / 4, turns - np.pi / 2, turns)
    axes = np.stack([np.cos(turns), np.sin(turns), -np.sin(turns), np.cos(turns)], axis=1).reshape(-1, 2, 2)
    spread = axes @ outline.T
    low, high = spread.min(axis=2), spread.max(axis=2)
    best = int(np.prod(high - low, axis=1).argmin())
    middle = (low[best] + high[best]) / 2 @ axes[best]
    return Rectangle(middle, axes[best], (high[best] - low[best]) / 2)


def upright_rectangle(points: F64) -> Rectangle:
    """The rectangle around points (N, 2), not turned."""
    low, high = points.min(axis=0), points.max(axis=0)
    return Rectangle((low + high) / 2, np.eye(2), (high - low) / 2)


def text_rectangle(points: F64) -> Rectangle:
    """The smallest rectangle around points (N, 2), but an upright one where that is hardly larger: blobs have no direction."""
    smallest, upright = smallest_rectangle(points), upright_rectangle(points)
    return upright if np.prod(upright.half) <= UPRIGHT * np.prod(smallest.half) else smallest


def continuations(rectangles: Sequence[Rectangle]) -> NDArray[np.bool_]:
    """(N, N) whether two pieces of text stand on one line, of about one size, no farther apart than they are high."""
    rows = np.arange(len(rectangles))
    centres, axes, half = (np.array([getattr(r, name) for r in rectangles]) for name in ("centre", "axes", "half"))
    tall = np.array([rectangle.is_tall for rectangle in rectangles], int)
    long, short = half[rows, tall], half[rows, 1 - tall]
    low, high = np.minimum.outer(short, short), np.maximum.outer(short, short)
    along, across = axes[rows, tall], axes[rows, 1 - tall]
    ways = centres[None] - centres[:, None]
    aside = np.abs((ways * across[:, None]).sum(axis=2))
    gap = np.abs((ways * along[:, None]).sum(axis=2)) - np.add.outer(long, long)
    alike = np.equal.outer(tall, tall) & (high <= SIZES * low) & (along @ along.T >= np.cos(TURN))
    links: NDArray[np.bool_] = alike & (aside <= 2 * OFFSET * low) & (gap <= 2 * GAP * low)
    return links


def joined(found: Sequence[tuple[Rectangle, float]]) -> list[tuple[Rectangle, float]]:
    """The rectangles and their scores, with those that continue one another made one; the best score counts."""
    if not found:
        return []
    count, groups = connected_components(continuations([rectangle for rectangle, _ in found]), directed=False)
    answer = []
    for group in range(count):
        parts = [found[place] for place in np.flatnonzero(groups == group).tolist()]
        whole = parts[0][0] if len(parts) == 1 else text_rectangle(np.concatenate([p.corners() for p, _ in parts]))
        answer.append((whole, max(score for _, score in parts)))
    return answer
