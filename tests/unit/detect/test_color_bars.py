"""Colour bars are told from other colourful pictures."""

import numpy as np
import pytest

from pipeline.detect.color_bars import bars_score
from tests.support.patterns import U8, pattern, thumbnail

KINDS = ("smptebars", "smptehdbars", "pal75bars", "pal100bars")


def framed(picture: U8, top: int = 0, side: int = 0) -> U8:
    return np.pad(picture, ((top, top), (side, side), (0, 0)))


def with_counter(picture: U8) -> U8:
    shown = picture.copy()
    shown[100:160, 220:420] = 0
    shown[115:145, 240:400:20] = 255
    return shown


def noisy(picture: U8) -> U8:
    noise = np.random.default_rng(3).normal(0, 12, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [lambda p: p, lambda p: framed(p, top=60), lambda p: framed(p, side=80), with_counter, noisy],
    ids=["plain", "letterbox", "pillarbox", "counter", "noise"],
)
def test_bars_of_every_kind_are_found(kind: str, change: object) -> None:
    assert bars_score(thumbnail(change(pattern(kind)))) >= 0.9  # type: ignore[operator]


def rainbow() -> U8:
    hue = np.linspace(0, 6, 640, endpoint=False)
    channels = [np.clip(np.abs((hue + shift) % 6 - 3) - 1, 0, 1) for shift in (0, 4, 2)]
    return np.tile((255 * np.stack(channels, axis=-1)).astype(np.uint8), (360, 1, 1))


def stripes(*colors: tuple[int, int, int]) -> U8:
    row = np.repeat(np.array(colors, np.uint8), 640 // len(colors), axis=0)
    return np.tile(row, (360, 1, 1))


W, Y, C, G, M, R, B, K = [(191 * (k >> 2 & 1), 191 * (k >> 1 & 1), 191 * (k & 1)) for k in (7, 6, 3, 2, 5, 4, 1, 0)]
OTHERS = {
    "rainbow": rainbow(),
    "spectrum": pattern("colorspectrum"),
    "test card": pattern("testsrc"),
    "three colours": pattern("rgbtestsrc"),
    "flag": stripes(B, W, R),
    "windows": stripes(W, K, W, K, W, K, W, K),
    "other order": stripes(W, Y, G, C, M, R, B, K),
    "mirrored": stripes(B, R, M, G, C, Y, W),
    "lying": pattern("pal75bars", 360, 640).transpose(1, 0, 2),
    "small": framed(thumbnail(pattern("pal75bars"), 200, 120), top=120, side=220),
    "one line": np.concatenate([np.zeros((330, 640, 3), np.uint8), pattern("pal75bars")[:30]]),
    "dark": pattern("pal75bars") // 8,
    "black": np.zeros((360, 640, 3), np.uint8),
    "noise": np.random.default_rng(1).integers(0, 256, (360, 640, 3)).astype(np.uint8),
}


@pytest.mark.parametrize("name", OTHERS)
def test_nothing_else_is_taken_for_bars(name: str) -> None:
    assert bars_score(thumbnail(OTHERS[name])) < 0.8
