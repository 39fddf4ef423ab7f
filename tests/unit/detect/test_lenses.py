from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from pipeline.detect.lenses import BELOW_EYES, CHEEKS, CLASSES, SunglassesJudge, bridged, lightness
from pipeline.detect.mesh import POINTS

SQUARES = np.array([[50, 50, 60, 0]], np.float32)


class Classifier:
    """Names sunglasses with one probability, and counts how often it was asked."""

    version = "1"
    metadata: Mapping[str, str] = {}

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self.asked = 0

    def run(self, inputs: Mapping[str, np.ndarray]) -> Sequence[np.ndarray]:
        self.asked += len(inputs["x"])
        found = np.zeros((len(inputs["x"]), 1000), np.float32)
        found[:, CLASSES] = self.probability / 2
        return [found]


def portrait(below_eyes: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture of grey skin with that luma below the eyes, and its mesh."""
    picture = np.full((100, 100, 3), 160, np.uint8)
    picture[30:50] = below_eyes
    points = np.zeros((1, POINTS, 3), np.float32)
    points[0, BELOW_EYES] = [50, 40, 0]
    points[0, CHEEKS] = [50, 60, 0]
    return picture, points


def test_lightness_is_the_ratio_of_two_places() -> None:
    assert lightness(*portrait(80)) == pytest.approx([0.5], abs=0.01)
    assert lightness(*portrait(160)) == pytest.approx([1], abs=0.01)


@pytest.mark.parametrize(
    ("below_eyes", "probability", "worn", "asked"),
    [(20, 0.5, True, 3), (20, 0.001, False, 3), (150, 0.9, False, 0)],
)
def test_both_darkness_and_name_are_needed(below_eyes: int, probability: float, worn: bool, asked: int) -> None:
    classifier = Classifier(probability)
    picture, points = portrait(below_eyes)
    (share,) = SunglassesJudge(classifier).judged(picture, SQUARES, points)
    assert bool(share >= 0.5) is worn
    assert 0 <= share <= 1
    assert classifier.asked == asked


@pytest.mark.parametrize(("bridge", "worn"), [(160, False), (110, True), (230, True)])
@pytest.mark.parametrize("eyes", [40, 90])
def test_a_line_across_the_nose_is_a_frame(bridge: int, worn: bool, eyes: int) -> None:
    picture = np.full((200, 200, 3), 160, np.uint8)
    picture[100 : 100 + eyes // 20] = bridge
    # A slope of light is no line.
    picture = (picture * np.linspace(0.6, 1, 200)[:, None, None]).astype(np.uint8)
    points = np.zeros((1, POINTS, 3), np.float32)
    for number, x, y in [
        (33, -1, 0),
        (263, 1, 0),
        (133, -0.4, 0),
        (362, 0.4, 0),
        (55, -0.3, -0.3),
        (285, 0.3, -0.3),
        (195, 0, 0.4),
    ]:
        points[0, number, :2] = 100 + np.array([x, y]) * eyes / 2
    (share,) = bridged(picture, points)
    assert bool(share >= 0.5) is worn
