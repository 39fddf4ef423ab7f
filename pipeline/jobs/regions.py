"""Regions of interest of a request: what the model of the API does not say of them but their meaning demands."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import RequestError

SIDES = ("Left", "Top", "Width", "Height")
LEAST_POINTS = 3


def check_regions(regions: Sequence[Mapping[str, Any]], member: str) -> None:
    """Nothing, if every region is either a box with an area or a polygon.

    Raises:
        RequestError: InvalidParameterException that names the region in `member`.
    """
    for number, region in enumerate(regions, 1):
        fault = _fault(region.get("BoundingBox"), region.get("Polygon"))
        if fault:
            raise RequestError(
                "InvalidParameterException", f"Request has invalid parameters: {member}.{number}.member: {fault}."
            )


def _fault(box: Mapping[str, float] | None, polygon: Sequence[Any] | None) -> str:
    if (box is None) == (polygon is None):
        return "must have either BoundingBox or Polygon"
    if polygon is not None:
        return (
            ""
            if len(polygon) >= LEAST_POINTS
            else f"Polygon must have at least {LEAST_POINTS} points, not {len(polygon)}"
        )
    assert box is not None
    if missing := [side for side in SIDES if side not in box]:
        return f"BoundingBox lacks {', '.join(missing)}"
    return "" if box["Width"] > 0 and box["Height"] > 0 else "BoundingBox must have a Width and a Height above 0"
