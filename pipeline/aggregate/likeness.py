"""How much likelier two looks at people are of one person than of two."""

import numpy as np

from pipeline.aggregate.motion import F64
from pipeline.media.types import U8

STEEPNESS = 20.0
EVEN = 0.25
LIMIT = 4.0


def likeness(first: F64 | U8, second: F64 | U8) -> F64:
    """(N, M) logarithms of the likelihood ratio, from colours (N, D) and (M, D)."""
    a, b = (np.asarray(each, np.float64) for each in (first, second))
    a, b = (each / np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-9) for each in (a, b))
    distance = np.sqrt(np.maximum(1 - a @ b.T, 0))
    ratio: F64 = np.clip(STEEPNESS * (EVEN - distance), -LIMIT, LIMIT)
    return ratio
