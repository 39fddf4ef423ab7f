"""Regions of interest that make no sense are refused at once."""

from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.jobs.regions import check_regions

BOX = {"Left": 0.1, "Top": 0.1, "Width": 0.5, "Height": 0.5}
POLYGON = [{"X": 0.1, "Y": 0.1}, {"X": 0.9, "Y": 0.1}, {"X": 0.5, "Y": 0.9}]


def test_boxes_and_polygons_are_accepted() -> None:
    check_regions([], "R")
    check_regions([{"BoundingBox": BOX}, {"Polygon": POLYGON}], "R")


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ({}, "either BoundingBox or Polygon"),
        ({"BoundingBox": BOX, "Polygon": POLYGON}, "either BoundingBox or Polygon"),
        ({"Polygon": POLYGON[:2]}, "at least 3 points, not 2"),
        ({"Polygon": [{"X": k / 20, "Y": k % 2} for k in range(11)]}, "at most 10 points, not 11"),
        ({"Polygon": [*POLYGON, {"X": 0.2}]}, "must have X and Y"),
        ({"Polygon": [{"X": 0.1, "Y": 0.1}, {"X": 0.3, "Y": 0.3}, {"X": 0.9, "Y": 0.9}]}, "must enclose an area"),
        ({"Polygon": [{"X": x, "Y": y} for x, y in ((0, 0), (1, 1), (1, 0), (0, 1))]}, "must enclose an area"),
        ({"BoundingBox": {"Left": 0.1, "Top": 0.1, "Width": 0.5}}, "lacks Height"),
        ({"BoundingBox": {**BOX, "Width": 0}}, "above 0"),
    ],
)
def test_others_are_refused_by_number(region: dict[str, Any], told: str) -> None:
    with pytest.raises(RequestError, match=told) as refused:
        check_regions([{"BoundingBox": BOX}, region], "Filters.RegionsOfInterest")
    assert refused.value.code == "InvalidParameterException"
    assert "Filters.RegionsOfInterest.2.member" in refused.value.message
