"""In which sizes pictures are looked at, tile by tile, and which of the boxes found in them are one line's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.detect.rectangles import Rectangle
from pipeline.detect.text_boxes import PIXELS, STEP
from pipeline.detect.text_levels import (
    CLOSE,
    GROWTH,
    LARGEST,
    MOST_PIXELS,
    TILE,
    Candidate,
    chances,
    distinct,
    picture_pixels,
    sizes,
)
from tests.support.stills import drawn


@dataclass(slots=True)
class Brightness:
    """A session whose map is how bright the picture is, 0 to 1.

    Attributes:
        shapes: Height and width of all that it was given.
    """

    shapes: list[tuple[int, int]] = field(default_factory=list)
    version: str = "1"
    metadata: Mapping[str, str] = field(default_factory=dict)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        planes = inputs["x"]
        self.shapes.append((planes.shape[2], planes.shape[3]))
        return [planes[:, 2:] * 0.225 + 0.406]


@dataclass(frozen=True, slots=True)
class Sides:
    """Stands for a picture of which only the size matters."""

    width: int
    height: int


@given(width=st.integers(80, 10_000), height=st.integers(80, 10_000))
def test_sizes_grow_from_that_of_videos_to_all_pixels(width: int, height: int) -> None:
    found = sizes(Sides(width, height))  # type: ignore[arg-type]
    assert all(side % 32 == 0 and side for size in found for side in size)
    widths = np.array([max(size) for size in found], float)
    assert (np.diff(widths) > 0).all()
    assert (widths[1:] <= widths[:-1] * GROWTH * CLOSE + STEP).all()  # of the smallest two the lower may stand for both
    assert found[0][0] * found[0][1] <= PIXELS * CLOSE**2 * 1.3
    assert found[-1][0] * found[-1][1] <= LARGEST * 1.3
    if width * height <= LARGEST:
        assert all(
            side / CLOSE - 17 <= looked <= side + 17 for looked, side in zip(found[-1], (width, height), strict=True)
        )
    cut = picture_pixels(Sides(width, height))  # type: ignore[arg-type]
    assert cut == (width, height) if width * height <= MOST_PIXELS else cut[0] * cut[1] <= MOST_PIXELS * 1.01


@pytest.mark.parametrize(("width", "height"), [(320, 320), (992, 1920), (3008, 2016), (8064, 64), (64, 8064)])
def test_tiles_make_one_map_without_seams(width: int, height: int) -> None:
    values = (np.add.outer(np.arange(height) * 3, np.arange(width)) % 256).astype(np.uint8)
    session = Brightness()
    found = chances(session, np.repeat(values[..., None], 3, axis=2))
    np.testing.assert_allclose(found, values / 255, atol=1e-5)
    assert all(h * w <= TILE * TILE for h, w in session.shapes)
    assert len(set(session.shapes)) == 1, "a network is set up for one shape"


def test_a_picture_is_looked_at_in_the_size_it_has() -> None:
    assert sizes(drawn(np.zeros((320, 640, 3), np.uint8))) == [(640, 320)]


def box(left: float, top: float, right: float, bottom: float, scale: float = 1.0) -> Candidate:
    """An upright line, found in a size `scale` times that of the picture."""
    half = np.array([right - left, bottom - top]) / 2
    centre = np.array([left + right, top + bottom]) / 2
    return Candidate(Rectangle(centre, np.eye(2), half), float(2 * half.min() * scale))


def kept(*candidates: Candidate) -> list[tuple[float, ...]]:
    """Left, top, right, bottom of the distinct boxes, from top to bottom."""
    corners = [one.corners() for one in distinct(candidates)]
    return sorted(((*c.min(axis=0), *c.max(axis=0)) for c in corners), key=lambda edges: (edges[1], edges[0]))


def test_of_a_line_seen_in_several_sizes_the_best_seen_stays() -> None:
    small, loose = box(100, 100, 400, 130), box(90, 90, 410, 140, 0.25)
    assert kept(small, loose) == kept(loose, small) == [(100, 100, 400, 130)]
    large, piece = box(100, 100, 900, 400, 0.1), box(120, 120, 400, 400)
    assert kept(large, piece) == [(100, 100, 900, 400)]


def test_a_line_takes_the_place_of_its_parts() -> None:
    line, parts = box(100, 100, 900, 128), (box(100, 99, 300, 130), box(600, 99, 900, 131))
    assert kept(line, *parts) == kept(*parts, line) == [(100, 100, 900, 128)]


def test_two_lines_are_not_given_up_for_a_box_around_both() -> None:
    lines = box(100, 100, 500, 125), box(100, 130, 500, 155)
    assert kept(*lines, box(95, 95, 505, 160, 0.25)) == kept(*lines)
    assert len(kept(*lines)) == 2


def test_lines_that_touch_stay_apart() -> None:
    page = [box(100, 100 + 28 * row, 900, 100 + 28 * row + 36) for row in range(20)]
    assert len(kept(*page)) == 20


def test_without_boxes_there_are_none() -> None:
    assert distinct([]) == []
