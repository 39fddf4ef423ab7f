"""Regions of interest: how much of a word lies inside of them."""

from collections.abc import Mapping, Sequence
from typing import Any

Point = tuple[float, float]
Polygon = Sequence[Point]


def area(polygon: Polygon) -> float:
    """Area of a polygon without crossings."""
    following = [*polygon[1:], *polygon[:1]]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(polygon, following, strict=True))) / 2


def shared_area(region: Polygon, convex: Polygon) -> float:
    """Area that a polygon, which may have dents, and a convex one have in common.

    Source: Sutherland, Hodgman, "Reentrant polygon clipping", CACM 1974; the seams it leaves between parts of the region have no area.
    """
    clockwise = _signed(convex) < 0
    corners = list(convex)[::-1] if clockwise else list(convex)
    for begin, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        region = _clipped(region, begin, end)
    return area(region)


def is_mostly_inside(polygon: Polygon, region: Polygon) -> bool:
    """Whether more than half of a convex polygon lies in the region."""
    return shared_area(region, polygon) > area(polygon) / 2


def region_polygons(regions: Sequence[Mapping[str, Any]]) -> list[Polygon]:
    """The polygons and boxes of RegionsOfInterest, as ratios of the frame."""
    polygons: list[Polygon] = []
    for region in regions:
        if box := region.get("BoundingBox"):
            left, top = box.get("Left", 0.0), box.get("Top", 0.0)
            right, bottom = left + box.get("Width", 0.0), top + box.get("Height", 0.0)
            polygons.append([(left, top), (right, top), (right, bottom), (left, bottom)])
        if points := region.get("Polygon"):
            polygons.append([(point.get("X", 0.0), point.get("Y", 0.0)) for point in points])
    return polygons


def _signed(polygon: Polygon) -> float:
    following = [*polygon[1:], *polygon[:1]]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(polygon, following, strict=True))


def _clipped(polygon: Polygon, begin: Point, end: Point) -> list[Point]:
    """The part of the polygon on the inner side of the line through two points."""
    (ax, ay), (bx, by) = begin, end
    sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in polygon]
    kept: list[Point] = []
    for k, (point, side) in enumerate(zip(polygon, sides, strict=True)):
        before, other = polygon[k - 1], sides[k - 1]
        if (side < 0 < other) or (other < 0 < side):
            share = other / (other - side)
            kept.append((before[0] + (point[0] - before[0]) * share, before[1] + (point[1] - before[1]) * share))
        if side >= 0:
            kept.append(point)
    return kept
