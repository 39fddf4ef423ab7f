"""The make-up of frames does not depend on where the video is cut."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.analyses.types import Stage
from pipeline.detect.layout import BARS, CENTRED, CHANGE, PLAIN, FrameLayout, layout
from pipeline.media.probe import probe
from pipeline.media.types import EveryFrame, Stretch
from pipeline.run import run
from tests.support.media import Clip, render
from tests.support.patterns import U8, pattern, thumbnail


def mark(left: int = 22, top: int = 11, ground: int = 0) -> U8:
    picture = np.full((27, 48, 3), ground, np.uint8)
    picture[top : top + 5, left : left + 4] = (200, 160, 30)
    return picture


@pytest.mark.parametrize("ground", [0, 90, 255])
def test_a_mark_in_the_middle_of_a_plain_ground(ground: int) -> None:
    values = layout(mark(ground=ground), mark(ground=ground))
    assert values[[BARS, CHANGE]].tolist() == [0, 0]
    assert values[[PLAIN, CENTRED]].tolist() == pytest.approx([1 - 20 / (27 * 48), 1])
    assert layout(mark(left=1, ground=ground), mark(ground=ground))[CENTRED] == 0


def test_an_empty_ground_has_no_mark() -> None:
    empty = np.zeros((27, 48, 3), np.uint8)
    assert layout(empty, empty).tolist() == [0, 0, 1, 0]


def test_bars_and_change_are_measured() -> None:
    bars = thumbnail(pattern("smptebars"))
    values = layout(bars, np.zeros_like(bars))
    assert values[BARS] == 1
    assert values[CHANGE] == pytest.approx(bars.mean(), rel=1e-5)


@pytest.mark.parametrize("cuts", [(20,), (1, 2, 10, 39), tuple(range(3, 40, 3))])
def test_cuts_change_nothing(tmp_path: Path, cuts: tuple[int, ...]) -> None:
    path = render(tmp_path / "a.mp4", Clip(frames=40))
    media, index = probe(path)
    stages = [Stage("layout", FrameLayout(), EveryFrame())]

    def measured(edges: list[int]) -> np.ndarray:  # type: ignore[type-arg]
        parts = [run(path, media, index, Stretch(a, b), stages, lambda _: None)["layout"] for a, b in pairwise(edges)]
        return np.array([values.values for part in parts for _, values in part.found])

    whole = measured([0, 40])
    assert (whole[1:, CHANGE] > 0).all()
    assert np.array_equal(measured([0, *cuts, 40]), whole)
