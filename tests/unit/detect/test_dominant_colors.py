"""Dominant colours of pictures whose colours are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.aggregate.image_properties import color_bodies
from pipeline.colors.lab import to_lab
from pipeline.detect.dominant_colors import ALIKE, GROUPS, LEAST, Colors, dominant_colors
from pipeline.media.types import U8

PATCHES = {(200, 30, 40): 0.5, (20, 90, 200): 0.25, (240, 240, 230): 0.15, (10, 110, 50): 0.08, (250, 210, 20): 0.02}


def painted(shares: dict[tuple[int, int, int], float], size: int = 40_000) -> U8:
    """(size, 3) pixels in these shares, shuffled."""
    pixels = np.repeat(np.array(list(shares), np.uint8), [round(share * size) for share in shares.values()], axis=0)
    np.random.default_rng(0).shuffle(pixels)
    return pixels


def test_patches_are_found_with_their_shares() -> None:
    found = dominant_colors(painted(PATCHES))
    assert [tuple(rgb) for rgb in found.rgb.tolist()] == list(PATCHES)
    assert found.shares == pytest.approx(list(PATCHES.values()))


def test_noise_changes_them_little() -> None:
    noise = np.random.default_rng(1).normal(0, 4, (40_000, 3))
    found = dominant_colors(np.clip(painted(PATCHES) + noise, 0, 255).astype(np.uint8))
    assert len(found.rgb) == len(PATCHES)
    assert found.rgb == pytest.approx(np.array(list(PATCHES)), abs=5)
    assert found.shares == pytest.approx(list(PATCHES.values()), abs=0.01)


def test_specks_do_not_dominate() -> None:
    found = dominant_colors(painted({(200, 30, 40): 0.991, (20, 90, 200): 0.009}))
    assert found.rgb.tolist() == [[200, 30, 40]]
    assert found.shares == pytest.approx([0.991])


def test_shades_that_look_alike_are_one_colour() -> None:
    found = dominant_colors(painted({(100, 100, 100): 0.5, (106, 106, 106): 0.5}))
    assert len(found.rgb) == 1
    assert found.rgb[0] == pytest.approx((103, 103, 103), abs=1)


def test_a_gradient_has_steps() -> None:
    ramp = np.linspace(0, 255, 10_000).astype(np.uint8)
    found = dominant_colors(np.stack([ramp] * 3, axis=1))
    assert 5 <= len(found.rgb) <= 11
    assert found.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("pixels", [np.empty((0, 3), np.uint8), np.array([[1, 2, 3]], np.uint8)])
def test_hardly_any_pixels(pixels: U8) -> None:
    assert dominant_colors(pixels).rgb.tolist() == pixels.tolist()


@settings(max_examples=50, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 400), st.just(3))))
def test_whatever_is_painted(pixels: U8) -> None:
    found = dominant_colors(pixels)
    assert len(found.rgb) <= GROUPS
    assert (np.diff(found.shares) <= 0).all()
    assert found.shares.min(initial=1) >= LEAST
    assert found.shares.sum() <= 1 + 1e-9
    again = dominant_colors(pixels[np.random.default_rng(2).permutation(len(pixels))])
    assert again.rgb.tolist() == found.rgb.tolist(), "the order of the pixels does not matter"
    labs = to_lab(found.rgb.astype(np.float64))
    away = np.linalg.norm(labs[:, None] - labs[None], axis=2) + np.eye(len(labs)) * 100
    assert away.min(initial=100) > ALIKE - 2, "but for rounding"


def test_how_colours_are_shown() -> None:
    found = dominant_colors(painted(PATCHES))
    bodies = color_bodies(found, 3)
    assert bodies[0] == {
        "Red": 200,
        "Green": 30,
        "Blue": 40,
        "HexCode": "#c81e28",
        "CSSColor": "firebrick",
        "SimplifiedColor": "red",
        "PixelPercent": 50.0,
    }
    assert [body["PixelPercent"] for body in bodies] == pytest.approx([50, 25, 15])
    assert color_bodies(found, 20)[:3] == bodies
    assert color_bodies(found, 0) == []


def test_percentages_never_exceed_a_hundred() -> None:
    thirds = Colors(np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8), np.full(3, 2 / 3 / 2 + 1e-17))
    assert sum(body["PixelPercent"] for body in color_bodies(thirds, 20)) <= 100
