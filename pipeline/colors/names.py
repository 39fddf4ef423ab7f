"""What colours are called: by CSS, and in one of twelve simple words."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from pipeline.colors.lab import F64, to_lab

SIMPLE = frozenset(
    {"black", "blue", "brown", "cyan", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"}
)


@dataclass(frozen=True, slots=True)
class Named:
    """A colour with a name.

    Attributes:
        name: As CSS calls it.
        rgb: Red, green, blue, 0 to 255.
        simple: One of `SIMPLE`.
    """

    name: str
    rgb: tuple[int, int, int]
    simple: str


@cache
def named() -> Sequence[Named]:
    """All colours that CSS names."""
    text = files("pipeline.colors").joinpath("css.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [Named(name, _rgb(code), simple) for name, code, simple in rows]


def nearest(rgb: F64) -> Sequence[Named]:
    """The named colour that looks most like each of (N, 3) sRGB, 0 to 255: the nearest in CIELAB."""
    away = np.linalg.norm(to_lab(rgb)[:, None] - _labs()[None], axis=2)
    return [named()[place] for place in away.argmin(axis=1)]


@cache
def _labs() -> F64:
    return to_lab(np.array([colour.rgb for colour in named()], np.float64))


def _rgb(code: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(code.removeprefix("#"))
    return red, green, blue
