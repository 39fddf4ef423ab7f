"""What the cheap evidence settles, what it leaves to the net, and that cutting the video changes nothing."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.detect import shot_cascade as cascade
from pipeline.detect.shots import BLOCK, CONTEXT, ShotTransitions, color_histograms
from pipeline.media.types import U8, Stretch

Array = NDArray[Any]


def scene(seed: int, frames: int, pan: float = 0.0) -> Array:
    """(frames, 27, 48, 3) of a smooth random picture, panned by `pan` pixels a frame."""
    rng = np.random.default_rng(seed)
    coarse = np.repeat(np.repeat(rng.uniform(0, 255, (9, 40, 3)), 3, axis=0), 3, axis=1)
    wide = (np.roll(coarse, 1, axis=1) + coarse + np.roll(coarse, -1, axis=1)) / 3
    shifts = (np.arange(frames) * pan).astype(int)
    return np.stack([np.roll(wide, -shift, axis=1)[:, :48] for shift in shifts])


def movie(*parts: Array, seed: int = 0) -> U8:
    """The parts one after another, with a little noise."""
    whole = np.concatenate(parts)
    noise = np.random.default_rng(seed).normal(0, 0.4, whole.shape)
    return np.clip(whole + noise, 0, 255).round().astype(np.uint8)


def black(frames: int) -> Array:
    return np.zeros((frames, 27, 48, 3))


def fade(picture: Array, frames: int) -> Array:
    """From black to the picture."""
    return picture * np.linspace(0, 1, frames + 2)[1:-1, None, None, None]


class Net:
    """A session that sees a cut wherever the thumbnails' mean jumps, and counts its windows."""

    version = "1"

    def __init__(self) -> None:
        self.metadata: Mapping[str, str] = {}
        self.calls = 0

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        self.calls += 1
        frames = inputs["frames"].astype(np.float32)
        assert frames.shape == (1, 100, 27, 48, 3)
        np.testing.assert_allclose(np.linalg.norm(inputs["histograms"], axis=2), 1, rtol=1e-5)
        step = np.abs(np.diff(frames, axis=1, append=frames[:, -1:])).mean(axis=(2, 3, 4)) / 40
        return [np.minimum(step, 0.9), np.minimum(step, 0.8)]


def walk(thumbnails: U8, stretch: Stretch, net: Net, *, every_window: bool = False) -> Array:
    """(frames of the stretch, 2) values; the run is fed with its context as the loop does."""
    count = len(thumbnails)
    run = ShotTransitions(net, every_window).open(stretch, count)
    found = []
    for index in range(max(0, stretch.start - CONTEXT), min(count, stretch.stop + CONTEXT)):
        found += list(run.add(index, thumbnails[index]))
    found += list(run.finish())
    assert [index for index, _ in found] == list(range(stretch.start, stretch.stop))
    return np.stack([values.values for _, values in found])


def test_a_cut_between_still_scenes_needs_no_net() -> None:
    net = Net()
    values = walk(movie(scene(1, 60), scene(2, 60)), Stretch(0, 120), net)
    assert net.calls == 0
    assert np.flatnonzero(values[:, 0] > 0.3).tolist() == [59]


@pytest.mark.parametrize("pan", [0.0, 0.5, 1.0])
def test_one_scene_has_no_cut_and_needs_no_net(pan: float) -> None:
    net = Net()
    values = walk(movie(scene(3, 150, pan)), Stretch(0, 150), net)
    assert net.calls == 0
    assert not values.any()


def test_a_dissolve_goes_to_the_net() -> None:
    a, b = scene(4, 70), scene(5, 70)
    mix = np.linspace(0, 1, 20)[:, None, None, None]
    found = cascade.evidence(movie(a[:40], a[40:60] * (1 - mix) + b[:20] * mix, b[:40]))
    assert not found.clear.any()
    assert found.doubtful[40:60].any()
    assert not found.doubtful[:35].any()


def test_a_slow_move_is_no_dissolve() -> None:
    wide = scene(12, 1)[0].repeat(8, axis=1)
    steps = [np.roll(wide, -shift, axis=1)[:, : 48 * 8].reshape(27, 48, 8, 3).mean(axis=2) for shift in range(120)]
    found = movie(np.stack(steps))
    assert cascade.gradual(found.astype(np.int16)).any()
    assert not cascade.evidence(found).doubtful.any()


def test_a_flash_is_neither_clear_nor_kept_when_the_net_falls_for_it() -> None:
    still = scene(6, 100)
    still[50:52] = 255
    thumbnails = movie(still)
    found = cascade.evidence(thumbnails)
    assert not found.clear.any()
    small = cascade.pooled(thumbnails)
    assert all(cascade.returns(small, t) for t in (49, 50, 51))
    values = walk(thumbnails, Stretch(0, 100), Net(), every_window=True)
    assert (values[:, 0] < 0.1).all()


def test_switched_light_is_not_clear() -> None:
    still = scene(7, 80)
    still[40:] *= 0.5
    assert not cascade.evidence(movie(still)).clear.any()


def test_a_lower_third_is_neither_clear_nor_doubtful() -> None:
    still = scene(8, 80)
    still[40:, 19:26] = 250
    found = cascade.evidence(movie(still))
    assert not found.clear.any()
    assert not found.doubtful.any()


def test_a_card_on_black_is_cut_at_both_ends() -> None:
    card = black(30)
    card[:, 13, 10:38] = 90
    found = cascade.evidence(movie(black(30), card, black(30)))
    assert np.flatnonzero(found.clear).tolist() == [29, 59]


def test_fades_are_marked_with_the_boundary_at_their_black_end() -> None:
    picture = scene(9, 1)
    out = np.concatenate([np.repeat(picture, 30, axis=0), fade(picture, 15)[::-1], black(10)])
    found = cascade.evidence(movie(out, fade(picture, 15), np.repeat(picture, 30, axis=0)))
    assert np.flatnonzero(found.fade_cuts).tolist() == [44, 54]
    marked = np.flatnonzero(found.fades)
    assert set(range(32, 43)) <= set(marked) <= set(range(28, 45)) | set(range(55, 72))
    assert set(range(57, 68)) <= set(marked)


def test_a_scene_that_brightens_slowly_is_no_fade() -> None:
    picture = scene(10, 1)
    found = cascade.evidence(movie(black(20), fade(picture, 80)))
    assert found.fade_cuts.sum() == 1
    assert not found.fades.any()


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 419), max_size=5, unique=True), st.integers(0, 3))
def test_the_answer_does_not_depend_on_where_the_video_is_cut(places: list[int], seed: int) -> None:
    a, b = scene(seed, 100), scene(seed + 20, 100, 0.7)
    mix = np.linspace(0, 1, 30)[:, None, None, None]
    parts = (a[:70], b[:60], black(15), fade(scene(30 + seed, 1), 12), scene(40, 63), a[:90] * 0.5, b[:30] * (1 - mix))
    thumbnails = movie(*parts, scene(50, 80, 2.0), seed=seed)
    assert len(thumbnails) == 420
    whole = walk(thumbnails, Stretch(0, 420), Net())
    edges = [0, *sorted(places), 420]
    parts_found = [walk(thumbnails, Stretch(p, q), Net()) for p, q in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts_found), whole)


@pytest.mark.parametrize("count", [1, 2, BLOCK - 1, BLOCK, BLOCK + 26, 2 * BLOCK])
def test_short_videos_have_a_value_for_every_frame(count: int) -> None:
    assert walk(movie(scene(11, count)), Stretch(0, count), Net(), every_window=True).shape == (count, 2)


def test_histograms_count_colours_and_have_length_one() -> None:
    picture = np.zeros((1, 27, 48, 3), np.uint8)
    picture[0, :, :24] = (255, 128, 31)
    found = color_histograms(picture)[0]
    assert np.flatnonzero(found).tolist() == [0, 7 * 64 + 4 * 8 + 0]
    np.testing.assert_allclose(found[found > 0], np.sqrt(0.5), rtol=1e-6)
