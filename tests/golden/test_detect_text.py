"""DetectText on drawn and real pictures: large ones in full, turned ones, tall and tiny ones, with the request's filters."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.types import U8
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.lettering import lettered, line
from tests.support.pictures import jpeg, png, with_exif

pytestmark = pytest.mark.weights

Detect = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def detect(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Detect]:
    """TextDetections of an image's bytes."""
    library = Library(models_dir, threads=2)
    settings = Settings(data_dir=tmp_path_factory.mktemp("text"), secret_key=SECRET)
    services = Services.from_settings(settings, RememberingQueue())

    def run(content: bytes, **filters: Any) -> list[dict[str, Any]]:
        request = {"Filters": filters} if filters else {}
        answer = load("DetectText")(Call(services, library, ACCOUNT, request, {"Image": content}))
        assert set(answer) == {"TextDetections", "TextModelVersion"}
        assert answer["TextModelVersion"] == "3.0"
        return list(answer["TextDetections"])

    yield run
    services.close()


def words(found: list[dict[str, Any]]) -> list[str]:
    return [one["DetectedText"] for one in found if one["Type"] == "WORD"]


def lines(found: list[dict[str, Any]]) -> list[str]:
    return [one["DetectedText"] for one in found if one["Type"] == "LINE"]


def canvas(width: int, height: int) -> U8:
    """A dark picture that is not the same everywhere."""
    across, down = np.linspace(0, 40, width), np.linspace(20, 60, height)
    grey = across[None] + down[:, None]
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def write(picture: U8, text: str, left: int, top: int, dot: int) -> None:
    """A line of white capitals into the picture."""
    cover = line(text, dot)[..., None]
    part = picture[top : top + cover.shape[0], left : left + cover.shape[1]]
    part[:] = (part + cover * (255 - part)).astype(np.uint8)


def test_lines_come_in_reading_order_and_words_belong_to_them(detect: Detect) -> None:
    found = detect(jpeg(lettered(canvas(640, 360), ["TEA ROOMS", "PARIS 1234"], 5)))
    assert [one["DetectedText"] for one in found] == ["TEA ROOMS", "PARIS 1234", "TEA", "ROOMS", "PARIS", "1234"]
    assert [one["Type"] for one in found] == ["LINE"] * 2 + ["WORD"] * 4
    assert [one["Id"] for one in found] == list(range(6))
    assert [one.get("ParentId") for one in found] == [None, None, 0, 0, 1, 1]
    for one in found:
        box, corners = one["Geometry"]["BoundingBox"], one["Geometry"]["Polygon"]
        assert len(corners) == 4
        assert min(c["X"] for c in corners) == pytest.approx(box["Left"], abs=1e-4)
        assert max(c["Y"] for c in corners) == pytest.approx(box["Top"] + box["Height"], abs=1e-4)
        assert 80 <= one["Confidence"] <= 100


def test_small_print_and_huge_letters_of_one_large_picture_are_read(detect: Detect) -> None:
    """Twelve megapixels: what is fourteen pixels high is not three in a picture of the size of video frames."""
    picture = canvas(4000, 3000)
    write(picture, "SALE", 300, 300, 100)
    write(picture, "SMALL PRINT BESIDE", 2600, 2900, 2)
    write(picture, "MIDDLE", 1200, 2000, 12)
    found = detect(png(picture))
    assert lines(found) == ["SALE", "MIDDLE", "SMALL PRINT BESIDE"]
    small = next(one for one in found if one["DetectedText"] == "PRINT")["Geometry"]["BoundingBox"]
    assert small["Left"] == pytest.approx((2600 + 6 * 12) / 4000, abs=0.003)
    assert small["Top"] == pytest.approx(2900 / 3000, abs=0.003)
    assert 14 / 3000 <= small["Height"] <= 36 / 3000, "boxes of small print are loose"


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_text_is_read_from_where_its_reading_begins(detect: Detect, turns: int) -> None:
    picture = lettered(canvas(900, 500), ["LIBRARY", "SIDE ENTRANCE 24"], 6)
    found = detect(jpeg(np.ascontiguousarray(np.rot90(picture, -turns))))
    assert set(lines(found)) == {"LIBRARY", "SIDE ENTRANCE 24"}
    first, second = next(one for one in found if one["DetectedText"] == "LIBRARY")["Geometry"]["Polygon"][:2]
    way = (second["X"] - first["X"], second["Y"] - first["Y"])
    towards = {1: (0, 1), 2: (-1, 0), 3: (0, -1)}[turns]
    assert way[0] * towards[0] + way[1] * towards[1] > 0.9 * np.hypot(*way) > 0


def test_exif_turns_the_picture_before_text_is_sought(detect: Detect) -> None:
    picture = lettered(canvas(640, 360), ["TEA ROOMS"], 5)
    turned = with_exif(jpeg(np.ascontiguousarray(np.rot90(picture))), 6)
    upright, found = detect(jpeg(picture)), detect(turned)
    assert words(found) == words(upright) == ["TEA", "ROOMS"]
    for side, value in upright[0]["Geometry"]["BoundingBox"].items():
        assert found[0]["Geometry"]["BoundingBox"][side] == pytest.approx(value, abs=0.01)


@pytest.mark.parametrize(("width", "height"), [(400, 3600), (5000, 200), (160, 90), (80, 80)])
def test_pictures_of_all_shapes_are_read(detect: Detect, width: int, height: int) -> None:
    dot = 2 if width < 200 else 4
    picture = canvas(width, height)
    places = [(4, 8), (width - 24 * dot - 4, height - 7 * dot - 8)]
    for text, (left, top) in zip(("TEA", "ROOM"), places, strict=True):
        write(picture, text, left, top, dot)
    assert words(detect(png(picture))) == ["TEA", "ROOM"]


def test_a_picture_without_text_has_none(detect: Detect) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    for picture in (noise, canvas(800, 600), np.full((100, 100, 3), 255, np.uint8)):
        assert detect(jpeg(picture)) == []


BOX = {"Left": 0.0, "Top": 0.0, "Width": 0.5, "Height": 1.0}
LEFT = {"BoundingBox": BOX}


def test_filters_are_about_words_and_lines_are_what_is_left(detect: Detect) -> None:
    picture = canvas(1200, 400)
    write(picture, "TEA ROOMS", 60, 60, 4)
    write(picture, "BOOK STORE", 560, 300, 8)
    content = png(picture)
    assert lines(detect(content)) == ["TEA ROOMS", "BOOK STORE"]
    assert lines(detect(content, RegionsOfInterest=[LEFT])) == ["TEA ROOMS"]
    corner = {"Polygon": [{"X": 1.0, "Y": 0.5}, {"X": 1.0, "Y": 1.0}, {"X": 0.62, "Y": 1.0}, {"X": 0.62, "Y": 0.5}]}
    assert lines(detect(content, RegionsOfInterest=[corner])) == ["STORE"]
    assert words(detect(content, RegionsOfInterest=[LEFT, corner])) == ["TEA", "ROOMS", "STORE"]
    assert lines(detect(content, WordFilter={"MinBoundingBoxHeight": 0.11})) == ["BOOK STORE"]
    assert words(detect(content, WordFilter={"MinBoundingBoxWidth": 0.095})) == ["ROOMS", "BOOK", "STORE"]
    assert detect(content, WordFilter={"MinConfidence": 100.0, "MinBoundingBoxWidth": 1.0}) == []
    assert set(words(detect(content, WordFilter={"MinConfidence": 0.0}))) >= {"TEA", "ROOMS", "BOOK", "STORE"}


def test_of_many_words_the_first_hundred_are_reported(detect: Detect) -> None:
    picture = canvas(1400, 1000)
    for row in range(24):
        write(picture, "BAR TEA LIT DEN COB", 40, 20 + 40 * row, 3)
        write(picture, "MAN", 1000, 20 + 40 * row, 3)
    found = detect(png(picture))
    assert len(words(found)) == 100
    assert lines(found)[:4] == ["BAR TEA LIT DEN COB", "MAN"] * 2
    tops = [one["Geometry"]["BoundingBox"]["Top"] for one in found if one["Type"] == "LINE"]
    assert max(tops) < 0.75, "those farther down are left out"
    assert [one["Id"] for one in found] == list(range(len(found)))


@pytest.mark.parametrize(
    ("region", "fault"),
    [
        ({}, "must have either BoundingBox or Polygon"),
        ({"BoundingBox": {**BOX, "Width": 0.0}}, "Width and a Height above 0"),
        ({"Polygon": [{"X": 0.0, "Y": 0.0}, {"X": 1.0, "Y": 1.0}]}, "at least 3 points"),
    ],
)
def test_impossible_regions_are_named(detect: Detect, region: dict[str, Any], fault: str) -> None:
    with pytest.raises(RequestError, match=f"Filters.RegionsOfInterest.2.member: .*{fault}") as refusal:
        detect(jpeg(canvas(200, 200)), RegionsOfInterest=[LEFT, region])
    assert refusal.value.code == "InvalidParameterException"


def test_real_signs_are_read(detect: Detect, media: Path) -> None:
    sign = words(detect((media / "images/text/who_english.png").read_bytes()))
    assert {"coronavirus", "infection:", "soap", "tissue", "eggs"} <= set(sign)
    assert "Wake up human!" in " ".join(words(detect((media / "images/text/wakeupcat.jpg").read_bytes())))
