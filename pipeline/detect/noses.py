"""Whether a mask covers the nose: the tip of the nose looks like the mouth then, and else like the skin between the eyes.

Colours are medians of small patches at the face's landmarks, as cube roots (nearly evenly spaced to the eye) of lightness and of the
differences of red and green, and of green and blue. Where mask and skin look alike nothing can be told.
"""

import numpy as np

from pipeline.detect.types import Faces
from pipeline.media.types import F32, U8

BRIDGE = 0.12
"""Of the way from the eyes to the mouth: where masks do not reach and glasses seldom do."""
PATCH = 0.1
"""Half the side of a patch, in distances of the eyes."""
UNLIKE = 0.2
"""Difference of colours from which mask and skin are wholly unlike: of masks painted over faces four in five were further from skin."""


def covered_noses(picture: U8, faces: Faces, usual: F32) -> F32:
    """(N,) how sure it is that masks cover the noses, 0 to 1; `usual` (N,) where colours tell nothing."""
    size = np.array(picture.shape[1::-1], np.float32)
    rows = zip(faces.landmarks * size, usual, strict=True)
    found: F32 = np.array([_covered(picture, spots, float(share)) for spots, share in rows], np.float32)
    return found


def _covered(picture: U8, spots: F32, usual: float) -> float:
    eyes, nose, mouth = spots[:2].mean(axis=0), spots[2], spots[3:].mean(axis=0)
    half = PATCH * float(np.linalg.norm(spots[1] - spots[0]))
    places = (nose, eyes + BRIDGE * (mouth - eyes), mouth)
    tip, skin, mask = (_colour(picture, place, half) for place in places)
    from_skin, from_mask = float(((tip - skin) ** 2).sum()), float(((tip - mask) ** 2).sum())
    alike = max(0.0, 1 - float(np.linalg.norm(skin - mask)) / UNLIKE)
    told = from_skin / max(from_skin + from_mask, 1e-9)
    return alike * usual + (1 - alike) * told


def _colour(picture: U8, place: F32, half: float) -> F32:
    """(3,) what a patch around a place in pixels looks like; the nearest patch where the place is outside."""
    height, width = picture.shape[:2]
    left, top = (int(np.clip(value - half, 0, limit - 1)) for value, limit in zip(place, (width, height), strict=True))
    side = max(1, round(2 * half))
    roots = np.cbrt(np.median(picture[top : top + side, left : left + side].reshape(-1, 3), axis=0) / 255)
    red, green, blue = roots
    return np.array([roots.mean(), 2 * (red - green), 2 * (green - blue)], np.float32)
