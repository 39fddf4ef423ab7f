"""Capital letters on pictures, without any font file: 5×7 dots, enlarged and smoothed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

U8 = NDArray[np.uint8]
_DOTS = {
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "B": "11110 10001 10001 11110 10001 10001 11110",
    "C": "01110 10001 10000 10000 10000 10001 01110",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "I": "01110 00100 00100 00100 00100 00100 01110",
    "K": "10001 10010 10100 11000 10100 10010 10001",
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "M": "10001 11011 10101 10101 10001 10001 10001",
    "N": "10001 11001 10101 10011 10001 10001 10001",
    "O": "01110 10001 10001 10001 10001 10001 01110",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "U": "10001 10001 10001 10001 10001 10001 01110",
    "Y": "10001 10001 01010 00100 00100 00100 00100",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00110 01000 10000 11111",
    "3": "11110 00001 00001 01110 00001 00001 11110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    " ": "00000 00000 00000 00000 00000 00000 00000",
}


def line(text: str, dot: int) -> NDArray[np.float64]:
    """(7 dots, 6 dots a letter) coverage 0 to 1 of a line of text."""
    letters = [[[int(c) for c in row] + [0] for row in _DOTS[letter].split()] for letter in text]
    dots = np.kron(np.concatenate(letters, axis=1), np.ones((dot, dot)))
    smooth: NDArray[np.float64] = np.clip(ndimage.gaussian_filter(dots, dot / 2.5) * 2 - 0.5, 0, 1)
    return smooth


def lettered(picture: U8, lines: Sequence[str], dot: int = 4, color: int = 255) -> U8:
    """The picture (H, W, 3) with centred lines of text in its middle."""
    shown = picture.astype(float)
    pitch = 12 * dot
    top = (picture.shape[0] - pitch * len(lines)) // 2
    for place, text in enumerate(lines):
        cover = line(text, dot)
        left, upper = (picture.shape[1] - cover.shape[1]) // 2, top + place * pitch
        part = shown[upper : upper + cover.shape[0], left : left + cover.shape[1]]
        part += cover[..., None] * (color - part)
    return shown.astype(np.uint8)
