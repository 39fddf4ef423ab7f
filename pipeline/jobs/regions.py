"""Regions of interest of a request: what the model of the API does not say of them but their meaning demands."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import RequestError

SIDES = ("Left", "Top", "Width", "Height")
LEAST_POINTS = 3
MOST_POINTS = 10
"""Source: Amazon Rekognition API reference, RegionOfInterest: "a shape made up of up to 10 Point objects"."""


def check_regions(regions: Sequence[Mapping[str, Any]], member: str) -> None:
    """Nothing, if every region is either a box or a polygon, with an area.

    Raises:
        RequestError: InvalidParameterException that names the region in `member`.
    """
    for number, region in enumerate(regions, 1):
        fault = _fault(region.get("BoundingBox"), region.get("Polygon"))
        if fault:
            raise RequestError(
                "InvalidParameterException", f"Request has invalid parameters: {member}.{number}.member: {fault}."
            )


def _fault(box: Mapping[str, float] | None, polygon: Sequence[Mapping[str, float]] | None) -> str:
    if (box is None) == (polygon is None):
        return "must have either BoundingBox or Polygon"
    if polygon is not None:
        return _polygon_fault(polygon)
    assert box is not None
    if missing := [side for side in SIDES if side not in box]:
        return f"BoundingBox lacks {', '.join(missing)}"
    return "" if box["Width"] > 0 and box["Height"] > 0 else "BoundingBox must have a Width and a Height above 0"


def _polygon_fault(polygon: Sequence[Mapping[str, float]]) -> str:
    if len(polygon) < LEAST_POINTS:
        return f"Polygon must have at least {LEAST_POINTS} points, not {len(polygon)}"
    if len(polygon) > MOST_POINTS:
        return f"Polygon must have at most {MOST_POINTS} points, not {len(polygon)}"
    if any("X" not in point or "Y" not in point for point in polygon):
        return "every point of Polygon must have X and Y"
    # Sums of decimal fractions are seldom exactly zero.
    return "" if _doubled_area(polygon) > 1e-9 else "Polygon must enclose an area and not cross itself"


def _doubled_area(polygon: Sequence[Mapping[str, float]]) -> float:
    following = [*polygon[1:], *polygon[:1]]
    return abs(sum(a["X"] * b["Y"] - b["X"] * a["Y"] for a, b in zip(polygon, following, strict=True)))
