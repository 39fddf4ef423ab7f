"""Numbers as answers show them."""

from collections.abc import Sequence

from pipeline.media.types import F32


def bounding_box(box: Sequence[float] | F32) -> dict[str, float]:
    """A BoundingBox from left, top, width, height as ratios; six digits, a thousandth of a pixel at 1000 pixels."""
    left, top, width, height = (round(float(value), 6) for value in box)
    return {"Width": width, "Height": height, "Left": left, "Top": top}


def percent(share: float) -> float:
    """A confidence, 0 to 100, from a share of 1."""
    return round(min(max(share, 0.0), 1.0) * 100, 4)
