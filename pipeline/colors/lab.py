"""Between sRGB and CIELAB, in which equal distances look about equally different.

Source: IEC 61966-2-1 (sRGB, white point D65) and CIE 15 (CIELAB).
"""

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)
FROM_XYZ = np.linalg.inv(TO_XYZ)
EDGE = 6 / 29


def to_lab(rgb: F64) -> F64:
    """(N, 3) lightness 0 to 100, a and b, of (N, 3) sRGB, 0 to 255."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    ratio = linear @ TO_XYZ.T / WHITE
    x, y, z = np.where(ratio > EDGE**3, np.cbrt(ratio), ratio / (3 * EDGE**2) + 4 / 29).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def to_rgb(lab: F64) -> F64:
    """(N, 3) sRGB, 0 to 255, of (N, 3) CIELAB; colours that no screen shows are cut to what it can."""
    y = (lab[:, 0] + 16) / 116
    ratio = np.stack([y + lab[:, 1] / 500, y, y - lab[:, 2] / 200], axis=1)
    linear = (np.where(ratio > EDGE, ratio**3, 3 * EDGE**2 * (ratio - 4 / 29)) * WHITE) @ FROM_XYZ.T
    cut = np.clip(linear, 0, 1)
    share: F64 = np.where(cut <= 0.0031308, cut * 12.92, 1.055 * cut ** (1 / 2.4) - 0.055)
    return share * 255
