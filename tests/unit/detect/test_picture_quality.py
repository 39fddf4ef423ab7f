"""Brightness, sharpness and contrast of drawn pictures: known values, and each follows what is done to the picture."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.detect.picture_quality import Measured, Quality
from pipeline.media.types import U8


def grey(luma: object) -> U8:
    """(H, W, 3) of luma (H, W)."""
    return np.repeat(np.rint(np.clip(np.asarray(luma, np.float64), 0, 255))[..., None], 3, axis=2).astype(np.uint8)


def quality(luma: object) -> Quality:
    return Measured(grey(luma)).quality()


STRIPES = np.where(np.arange(200) // 20 % 2, 255, 0) * np.ones((150, 1))
TEXTURE = np.clip(128 + gaussian_filter(np.random.default_rng(0).normal(0, 150, (200, 300)), 1), 0, 255)


@pytest.mark.parametrize("level", [0, 51, 128, 255])
def test_a_plain_picture(level: int) -> None:
    found = quality(np.full((90, 120), level))
    assert found.brightness == pytest.approx(level / 2.55, abs=1e-3)
    assert (found.sharpness, found.contrast) == (0, 0)


def test_hard_edges_are_as_sharp_as_can_be() -> None:
    found = quality(STRIPES)
    assert found.sharpness == pytest.approx(100, abs=0.1)
    assert found.contrast == 100
    assert found.brightness == pytest.approx(50)


def test_an_edge_may_be_a_step_high_or_lie_across() -> None:
    assert quality(STRIPES.T).sharpness == pytest.approx(quality(STRIPES).sharpness)
    assert quality(STRIPES / 2).sharpness == pytest.approx(quality(STRIPES).sharpness, abs=0.5)


def test_blur_takes_sharpness() -> None:
    values = [quality(gaussian_filter(TEXTURE, radius)).sharpness for radius in (0, 0.5, 1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 60
    assert values[-1] < 15


def test_flattening_takes_contrast_and_nothing_else() -> None:
    found = [quality(128 + (TEXTURE - 128) * share) for share in (1, 0.8, 0.5, 0.2)]
    contrasts = [each.contrast for each in found]
    assert contrasts == sorted(contrasts, reverse=True)
    assert contrasts[2] == pytest.approx(contrasts[0] / 2, abs=1)
    assert [each.brightness for each in found] == pytest.approx([found[0].brightness] * 4, abs=1)
    assert [each.sharpness for each in found] == pytest.approx([found[0].sharpness] * 4, abs=3)


def test_darkness_takes_brightness() -> None:
    values = [quality(TEXTURE * share).brightness for share in (1, 0.7, 0.4, 0.1)]
    assert values == pytest.approx([values[0] * share for share in (1, 0.7, 0.4, 0.1)], abs=0.5)


def test_parts_are_judged_by_themselves() -> None:
    """Left: sharp stripes of 100 and 200; right: the same, blurred, and darker by 60."""
    sharp = np.where(np.arange(200) // 25 % 2, 200.0, 100.0) * np.ones((150, 1))
    both = np.concatenate([sharp, gaussian_filter(sharp, 5) - 60], axis=1)
    measured = Measured(grey(both))
    left = np.zeros(both.shape, np.bool_)
    left[:, :195] = True
    first, second = measured.quality(left), measured.quality(~left)
    assert first.sharpness > 95
    assert second.sharpness < 30
    assert first.brightness == pytest.approx(quality(sharp).brightness, abs=1)
    assert second.brightness < first.brightness - 20
    assert first.contrast == pytest.approx(100 / 2.55, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (8, 8)])
def test_pictures_smaller_than_the_blur(shape: tuple[int, int]) -> None:
    found = quality(np.random.default_rng(0).integers(0, 256, shape))
    assert 0 <= found.sharpness <= 100
    assert 0 <= found.contrast <= 100
