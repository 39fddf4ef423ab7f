"""Bright, evenly coloured domes on heads: what hard hats are from behind and from afar, where networks see too little of them.

A dome is one strong colour across the upper half of a head, unlike what is on either side, above and below it: hoods and scarves go on
below, walls and skies beside. White is left out, as hair is white as well. A bright cap cannot be told from a hard hat this way.
"""

import numpy as np

from pipeline.media.types import F32, U8

SATURATION, VALUE = 0.55, 0.35
"""Least share of grey that a colour lacks, and of the brightest; skin and hair lack less or are darker."""
UNEVEN = 0.12
"""Most mean difference from the median colour, as a share of full brightness: light from above leaves less on smooth shells."""
UNLIKE = 0.2
"""Least difference from the colours around, in the same unit."""
SHIFTS = (0.0, -0.25, 0.25, -0.5, 0.5)
"""Of the head's width: where the middle of the head may be, as people lean and swing their arms."""
DOME = (0.25, 0.1, 0.75, 0.45)
"""Left, top, right, bottom of the dome's middle, in widths and heights of the head."""
AROUND = ((-0.6, 0.0, -0.2, 0.4), (1.2, 0.0, 1.6, 0.4), (0.25, -0.4, 0.75, -0.15), (0.25, 0.6, 0.75, 0.95))
"""The same of what is left and right, above and below."""


def domed(picture: U8, head: F32) -> bool:
    """Whether there is a dome on the head (4,): left, top, width, height as ratios of the picture (H, W, 3) of RGB."""
    left, top, width, height = head * np.array([*picture.shape[1::-1]] * 2, np.float32)
    return any(_is_dome(picture, (left + shift * width, top, width, height)) for shift in SHIFTS)


def _is_dome(picture: U8, head: tuple[float, float, float, float]) -> bool:
    part = _part(picture, head, DOME)
    colour = np.median(part, axis=0)
    brightest, lack = float(colour.max()), float(colour.max() - colour.min())
    if brightest < VALUE or lack < SATURATION * brightest or float(np.abs(part - colour).max(axis=1).mean()) > UNEVEN:
        return False
    around = (np.median(_part(picture, head, place), axis=0) for place in AROUND)
    return all(float(np.abs(other - colour).max()) >= UNLIKE for other in around)


def _part(picture: U8, head: tuple[float, float, float, float], place: tuple[float, float, float, float]) -> F32:
    """(N, 3) colours of a part of the head's box, 0 to 1; at least one pixel, the nearest where it is outside."""
    height, width = picture.shape[:2]
    low = [int(np.clip(head[n] + place[n] * head[n + 2], 0, (width, height)[n] - 1)) for n in (0, 1)]
    high = [int(np.clip(head[n] + place[n + 2] * head[n + 2], low[n] + 1, (width, height)[n])) for n in (0, 1)]
    colours: F32 = picture[low[1] : high[1], low[0] : high[0]].reshape(-1, 3).astype(np.float32) / np.float32(255)
    return colours
