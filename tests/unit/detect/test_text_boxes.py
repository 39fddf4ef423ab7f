"""Rotated rectangles around the regions of probability maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.detect.rectangles import Rectangle
from pipeline.detect.text_boxes import MOST_LINES, UNCLIP, TextBoxDetector, rectangles, text_input
from tests.support.stills import drawn


def rectangle(x: float, y: float, degrees: float, width: float, height: float) -> Rectangle:
    turn = np.radians(degrees)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return Rectangle(np.array([x, y]), axes, np.array([width, height]) / 2)


def painted(shape: tuple[int, int], shapes: Sequence[Rectangle], value: float = 0.9) -> NDArray[np.float32]:
    rows, columns = np.indices(shape)
    chances = np.zeros(shape, np.float32)
    for one in shapes:
        chances[one.covers(np.stack([columns, rows], axis=-1) + 0.5)] = value
    return chances


@pytest.mark.parametrize("degrees", [0, 7, 20, 40, -30])
def test_a_painted_line_is_found_and_grown(degrees: float) -> None:
    core = rectangle(160, 100, degrees, 140, 14)
    ((found, score),) = rectangles(painted((200, 320), [core]))
    grown = core.grown(140 * 14 * UNCLIP / (2 * (140 + 14)))
    assert found.corners() == pytest.approx(grown.corners(), abs=3)
    assert score == pytest.approx(0.9, abs=0.1)


def test_a_line_that_runs_down_is_higher_than_wide() -> None:
    ((found, _),) = rectangles(painted((320, 200), [rectangle(100, 160, 80, 140, 14)]))
    assert found.half[1] > 4 * found.half[0]
    assert found.axes[0, 0] > abs(found.axes[0, 1])


def test_weak_and_tiny_regions_are_dropped() -> None:
    weak = painted((100, 200), [rectangle(60, 50, 0, 80, 10)], value=0.35)
    tiny = painted((100, 200), [rectangle(60, 50, 0, 80, 2), rectangle(20, 20, 0, 2, 2)])
    assert not list(rectangles(weak))
    assert not list(rectangles(tiny))
    assert not list(rectangles(np.zeros((64, 64), np.float32)))


def test_regions_that_touch_at_a_corner_are_one() -> None:
    chances = np.zeros((64, 64), np.float32)
    chances[10:20, 10:20] = chances[20:30, 20:30] = 0.9
    assert len(list(rectangles(chances))) == 1


@dataclass(frozen=True)
class Painter:
    """A session whose map is the first of the channels it was given: blue."""

    version: str = "1"

    @property
    def metadata(self) -> Mapping[str, str]:
        return {}

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        return [inputs["x"][:, :1] * 0.229 + 0.485]


def test_boxes_are_ratios_from_top_to_bottom() -> None:
    pixels = np.zeros((256, 512, 3), np.uint8)
    pixels[180:200, 100:400, 2] = 255
    pixels[40:60, 100:300, 2] = 255
    detector = TextBoxDetector(Painter())
    (found,) = detector.detect([detector.prepare(drawn(pixels))])
    assert found.quads.shape == (2, 4, 2)
    assert found.quads.mean(axis=1) == pytest.approx(
        np.array([[200 / 512, 50 / 256], [250 / 512, 190 / 256]]), abs=0.01
    )
    assert found.scores.shape == (2,)


def test_of_a_crowded_frame_the_surest_lines_are_kept() -> None:
    pixels = np.zeros((544, 960, 3), np.uint8)
    for number, (x, y) in enumerate((x, y) for y in range(8, 536, 22) for x in range(8, 930, 30)):
        pixels[y : y + 5, x : x + 8, 2] = 150 + number % 100
    detector = TextBoxDetector(Painter())
    (found,) = detector.detect([detector.prepare(drawn(pixels))])
    assert len(found.scores) == MOST_LINES
    assert found.scores.min() > 200 / 255
    assert (np.diff(found.quads[:, :, 1].mean(axis=1)) >= -1e-6).all()


def test_nothing_is_an_empty_answer() -> None:
    detector = TextBoxDetector(Painter())
    (found,) = detector.detect([detector.prepare(drawn(np.zeros((64, 64, 3), np.uint8)))])
    assert (found.quads.shape, found.scores.shape) == ((0, 4, 2), (0,))


def test_small_frames_are_not_enlarged_and_large_ones_bounded() -> None:
    small, large = (text_input(drawn(np.zeros((h, w, 3), np.uint8))) for w, h in ((320, 180), (1920, 1080)))
    assert small == (320, 192)
    assert large[0] * large[1] <= 1.1 * 960 * 544
