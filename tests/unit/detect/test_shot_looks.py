"""Short looks at single steps: when one is enough, and when the net gets the whole window."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.detect import shot_cascade as cascade
from pipeline.detect.shots import LOOK, SURE, WINDOW, ShotTransitions
from pipeline.media.types import U8, Stretch

STEP = 70


class Net:
    """A session that is as sure as told of a cut at the greatest step of what it is shown, surer by .01 in whole windows."""

    version = "1"

    def __init__(self, probability: float, metadata: Mapping[str, str] | None = None) -> None:
        self.metadata: Mapping[str, str] = {"window": "any"} if metadata is None else metadata
        self.probability = probability
        self.shown: list[tuple[int, ...]] = []

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        frames = inputs["frames"].astype(np.float32)
        self.shown.append(frames.shape[:2])
        assert inputs["histograms"].shape == (*frames.shape[:2], 512)
        step = np.abs(np.diff(frames, axis=1, append=frames[:, -1:])).mean(axis=(2, 3, 4))
        cuts = np.where(step == step.max(axis=1, keepdims=True), self.probability, 0).astype(np.float32)
        cuts += np.float32(0.01) * (frames.shape[1] == WINDOW) * (cuts > 0)
        return [cuts, cuts / 2]


def lights(*steps: int, frames: int = 150) -> U8:
    """(frames, 27, 48, 3): one picture whose light goes down, up, down … at the steps, which is neither a clear cut nor none."""
    rng = np.random.default_rng(7)
    coarse = rng.uniform(60, 255, (9, 16, 3)).repeat(3, axis=0).repeat(3, axis=1)
    dark = np.searchsorted(steps, np.arange(frames), side="right") % 2
    return np.round(coarse * np.where(dark, 0.5, 1)[:, None, None, None]).astype(np.uint8)


def walked(thumbnails: U8, net: Net, *, every_window: bool = False) -> NDArray[np.float32]:
    run = ShotTransitions(net, every_window).open(Stretch(0, len(thumbnails)), len(thumbnails))
    found = [each for index, thumbnail in enumerate(thumbnails) for each in run.add(index, thumbnail)]
    found += list(run.finish())
    return np.stack([values.values for _, values in found])


def test_a_change_of_light_is_one_sharp_doubt() -> None:
    found = cascade.evidence(lights(STEP)[20:120])
    assert np.flatnonzero(found.doubtful).tolist() == np.flatnonzero(found.sharp).tolist() == [STEP - 21]
    assert not found.clear.any()


def test_a_sure_short_look_is_all_the_net_is_asked() -> None:
    net = Net(SURE)
    values = walked(lights(STEP), net)
    assert net.shown == [(1, LOOK)]
    assert values[STEP - 1] == pytest.approx((SURE, SURE / 2))
    assert not np.delete(values, STEP - 1, axis=0).any()


def test_an_unsure_short_look_is_followed_by_the_whole_window() -> None:
    net = Net(SURE - 0.02)
    values = walked(lights(STEP), net)
    assert net.shown == [(1, LOOK), (1, WINDOW)]
    assert values[STEP - 1, 0] == pytest.approx(SURE - 0.01)
    np.testing.assert_array_equal(values, walked(lights(STEP), Net(SURE - 0.02, {})))


def test_two_steps_of_a_block_are_looked_at_together_and_three_are_not() -> None:
    two, three = Net(1.0), Net(1.0)
    values = walked(lights(62, 88), two)
    walked(lights(58, 74, 90), three)
    assert two.shown == [(2, LOOK)]
    assert np.flatnonzero(values[:, 0]).tolist() == [61, 87]
    assert three.shown == [(1, WINDOW)]


@pytest.mark.parametrize("metadata", [{}, {"window": "100"}])
def test_a_file_that_does_not_take_any_length_sees_whole_windows_only(metadata: Mapping[str, str]) -> None:
    net = Net(1.0, metadata)
    walked(lights(STEP), net)
    assert net.shown == [(1, WINDOW)]


def test_every_window_means_whole_ones() -> None:
    net = Net(1.0)
    walked(lights(STEP), net, every_window=True)
    assert net.shown == [(1, WINDOW)] * 3


def test_a_blend_gets_the_whole_window() -> None:
    a, b = (np.random.default_rng(seed).uniform(0, 255, (27, 48, 3)) for seed in (1, 2))
    share = np.clip((np.arange(150) - 60) / 20, 0, 1)[:, None, None, None]
    net = Net(1.0)
    walked(np.round(a * (1 - share) + b * share).astype(np.uint8), net)
    assert set(net.shown) == {(1, WINDOW)}


@pytest.mark.parametrize("at", [1, 12, 23, 48, 49, 50, 51, 99, 127, 138, 148])
def test_a_step_anywhere_gets_one_value_near_ends_and_edges_of_blocks_too(at: int) -> None:
    values = walked(lights(at), Net(1.0))
    assert np.flatnonzero(values[:, 0]).tolist() == [at - 1]


def test_changes_and_likeness_are_what_plain_loops_find() -> None:
    rng = np.random.default_rng(4)
    thumbnails = rng.integers(0, 256, (12, 27, 48, 3)).astype(np.uint8)
    small = cascade.pooled(thumbnails)
    even = thumbnails[:, :26].astype(int).reshape(12, 13, 2, 24, 2, 3)
    np.testing.assert_array_equal(small, (even.sum(axis=(2, 4)) + 2) >> 2)
    for lag in (1, 5, 12, 20):
        later = small[np.minimum(np.arange(12) + lag, 11)]
        np.testing.assert_allclose(cascade.distance(small, lag), np.abs(small - later).mean(axis=(1, 2, 3)), rtol=1e-6)
    luma = cascade.gray(small)
    np.testing.assert_allclose(luma, small.mean(axis=3), rtol=1e-6)
    assert cascade.likeness(luma[0], luma[1]) == pytest.approx(_likeness(luma[0], luma[1]), abs=1e-6)
    assert cascade.likeness(luma[0], np.roll(luma[0], 2, axis=1)) == pytest.approx(1, abs=1e-5)
    assert cascade.likeness(luma[0], np.full_like(luma[0], 9)) == pytest.approx(0, abs=1e-3)


def _likeness(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    rows, columns = a.shape
    found = [0.0]
    for y in range(-2, 3):
        for x in range(-4, 5):
            part_a = a[max(y, 0) : rows + min(y, 0), max(x, 0) : columns + min(x, 0)]
            part_b = b[max(-y, 0) : rows + min(-y, 0), max(-x, 0) : columns + min(-x, 0)]
            found.append(float(np.corrcoef(part_a.ravel(), part_b.ravel())[0, 1]))
    return max(found)
