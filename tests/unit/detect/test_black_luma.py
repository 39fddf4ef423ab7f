"""Black evidence follows the documented formula, pixel for pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.luma import BlackLuma, black_values, contrast
from pipeline.media.types import U8, ColorRange
from tests.support.stills import drawn


def flat(level: int, shape: tuple[int, int] = (90, 160)) -> U8:
    return np.full(shape, level, np.uint8)


@pytest.mark.parametrize(
    ("color_range", "threshold", "last_black"),
    [("FULL", 0.2, 51), ("LIMITED", 0.2, 59), ("FULL", 0.1, 25), ("LIMITED", 0.0, 16), ("FULL", 1.0, 255)],
)
def test_the_darkest_level_beyond_black(color_range: ColorRange, threshold: float, last_black: int) -> None:
    assert black_values(flat(last_black), color_range, threshold)[0] == 1
    if last_black < 255:
        assert black_values(flat(last_black + 1), color_range, threshold)[0] == 0


@given(st.integers(0, 90 * 160))
def test_the_dark_share_counts_every_pixel(bright: int) -> None:
    luma = flat(16)
    luma.ravel()[np.random.default_rng(0).permutation(luma.size)[:bright]] = 200
    dark, lit, _ = black_values(luma, "LIMITED", 0.2)
    assert dark == pytest.approx(1 - bright / luma.size, abs=1e-6)
    assert lit == pytest.approx(bright / luma.size, abs=1e-6)


def test_a_far_away_frame_is_only_sampled_and_never_taken_for_black() -> None:
    luma = flat(200)
    luma[::8] = 16
    assert black_values(luma, "LIMITED", 0.2, coverage=0.99)[0] < 0.99
    luma[:] = 16
    luma[::8] = 200
    dark, lit, spread = black_values(luma, "LIMITED", 0.2, coverage=0.99)
    assert (dark, lit, spread) == (0, 1, 1)
    assert black_values(luma, "LIMITED", 0.2, coverage=0.5)[0] == 0


def test_contrast_is_blind_to_noise_and_sees_a_dim_picture() -> None:
    noise = np.random.default_rng(1).normal(24, 5, (360, 640)).clip(0, 255).astype(np.uint8)
    assert contrast(noise) < 3
    noise[100:200, 200:300] += 12
    assert contrast(noise) > 8


@given(st.integers(1, 40), st.integers(1, 40))
def test_pictures_of_any_size_have_values(height: int, width: int) -> None:
    values = black_values(flat(16, (height, width)), "LIMITED", 0.2)
    assert values.tolist() == [1, 0, 0]


def test_the_detector_measures_frames() -> None:
    detector = BlackLuma(0.1, 0.5)
    assert detector.key == "luma-0.1"
    dark, light = (drawn(np.full((36, 64, 3), level, np.uint8)) for level in (0, 255))
    found = detector.detect([detector.prepare(dark), detector.prepare(light)])
    assert [float(each.values[0]) for each in found] == [1, 0]
