"""IMAGE_PROPERTIES of DetectLabels: known colours, and real photos that are darkened, blurred and flattened."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from pipeline.detect.picture_quality import Measured, Quality
from pipeline.errors import ModelError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.still import decode
from pipeline.media.types import U8
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import corners, jpeg, png, with_exif

pytestmark = pytest.mark.weights

Detect = Callable[..., dict[str, Any]]
PHOTOS = ("labels/coco_000000000785", "labels/bus", "faces/azure_detection2", "labels/coco_000000301421")
PARTS = ("Foreground", "Background")


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    made = Services.from_settings(
        Settings(data_dir=tmp_path_factory.mktemp("data"), secret_key=SECRET), RememberingQueue()
    )
    made.prepare()
    yield made
    made.close()


@pytest.fixture(scope="module")
def detect(services: Services, library: Library) -> Detect:
    """DetectLabels of an image's bytes, by default for its properties only."""

    def run(content: bytes, models: Library = library, most: int | None = None, **request: Any) -> dict[str, Any]:
        settings = {} if most is None else {"Settings": {"ImageProperties": {"MaxDominantColors": most}}}
        asked = {"Features": ["IMAGE_PROPERTIES"], **settings, **request}
        return load("DetectLabels")(Call(services, models, ACCOUNT, asked, {"Image": content}))

    return run


@pytest.fixture(scope="module")
def photo(media: Path) -> Callable[[str], bytes]:
    return lambda name: (media / f"images/{name}.jpg").read_bytes()


def pixels_of(content: bytes) -> U8:
    still = decode(content, 10**8)
    return still.rgb(still.width, still.height)


def share(colors: list[dict[str, Any]], simple: str) -> float:
    return float(sum(color["PixelPercent"] for color in colors if color["SimplifiedColor"] == simple))


def disc(ground: tuple[int, int, int], colour: tuple[int, int, int]) -> U8:
    """(400, 500, 3): a disc, shaded like a ball, on ground that is a little noisy."""
    rows, columns = np.mgrid[:400, :500]
    away = np.hypot(rows - 200, columns - 250)
    light = np.clip(1.15 - np.hypot(rows - 150, columns - 210) / 400, 0.5, 1)[..., None]
    picture = np.where((away < 110)[..., None], np.array(colour) * light, np.array(ground))
    return np.clip(picture + np.random.default_rng(0).normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def test_what_is_answered(detect: Detect, photo: Callable[[str], bytes]) -> None:
    found = detect(photo("labels/bus"))
    assert set(found) == {"ImageProperties"}
    whole = found["ImageProperties"]
    assert set(whole) == {"Quality", "DominantColors", *PARTS}
    for part in (whole, whole["Foreground"], whole["Background"]):
        assert set(part["Quality"]) == {"Brightness", "Sharpness", "Contrast"}
        assert all(0 < value <= 100 for value in part["Quality"].values())
        percents = [color["PixelPercent"] for color in part["DominantColors"]]
        assert percents == sorted(percents, reverse=True)
        assert 1 <= len(percents) <= 10
        assert percents[-1] >= 1
        assert sum(percents) <= 100
        for color in part["DominantColors"]:
            assert color["HexCode"] == "#{Red:02x}{Green:02x}{Blue:02x}".format_map(color)
    assert detect(photo("labels/bus")) == found, "the same picture has the same properties"


def test_known_colours_have_their_names_and_shares(detect: Detect) -> None:
    colours = [(255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 0)]
    picture = corners(400, 300, *colours)
    picture[:, 200:] = (255, 255, 0)
    for content, near in ((png(picture), 0), (jpeg(picture), 3)):
        found = detect(content)["ImageProperties"]["DominantColors"]
        assert {color["CSSColor"] for color in found} == {"yellow", "red", "blue"}
        assert found[0]["PixelPercent"] == pytest.approx(50, abs=1.5)
        assert [color["PixelPercent"] for color in found[1:]] == pytest.approx([25, 25], abs=1.5)
        for color in found:
            assert min(np.abs(np.array(c) - [color["Red"], color["Green"], color["Blue"]]).max() for c in colours) <= (
                near + 2
            )


@pytest.mark.parametrize("most", [0, 3, 20])
def test_colours_are_limited(detect: Detect, photo: Callable[[str], bytes], most: int) -> None:
    every, some = (detect(photo("labels/bus"), most=n)["ImageProperties"] for n in (20, most))
    assert len(every["DominantColors"]) > 10
    for part, limited in ((every, some), (every["Foreground"], some["Foreground"])):
        assert limited["DominantColors"] == part["DominantColors"][:most]
        assert limited["Quality"] == part["Quality"]


def test_what_stands_out_is_the_foreground(detect: Detect) -> None:
    found = detect(jpeg(disc((60, 110, 190), (220, 30, 30))))["ImageProperties"]
    area = np.pi * 110**2 / (400 * 500) * 100
    assert share(found["Foreground"]["DominantColors"], "blue") < 10
    assert share(found["Background"]["DominantColors"], "blue") > 95
    assert share(found["DominantColors"], "blue") == pytest.approx(100 - area, abs=4)


def test_a_skier_stands_out_from_the_snow(detect: Detect, photo: Callable[[str], bytes]) -> None:
    found = detect(photo("labels/coco_000000000785"))["ImageProperties"]
    front, back = found["Foreground"], found["Background"]
    assert front["Quality"]["Brightness"] < 35
    assert back["Quality"]["Brightness"] > 70
    assert share(front["DominantColors"], "red") > 5 > share(back["DominantColors"], "red")
    assert share(back["DominantColors"], "grey") + share(back["DominantColors"], "white") > 90


def test_where_nothing_stands_out_there_is_no_foreground(detect: Detect) -> None:
    found = detect(png(np.full((200, 300, 3), 128, np.uint8)))["ImageProperties"]
    assert "Foreground" not in found
    assert found["Background"] == {"Quality": found["Quality"], "DominantColors": found["DominantColors"]}
    assert found["Quality"] == {"Brightness": pytest.approx(50.2, abs=0.05), "Sharpness": 0, "Contrast": 0}
    (grey,) = found["DominantColors"]
    assert (grey["HexCode"], grey["CSSColor"], grey["SimplifiedColor"]) == ("#808080", "gray", "grey")
    assert grey["PixelPercent"] == 100


@pytest.mark.parametrize("name", PHOTOS)
def test_quality_follows_what_is_done_to_a_photo(photo: Callable[[str], bytes], name: str) -> None:
    pixels = pixels_of(photo(name)).astype(np.float32)

    def qualities(versions: list[Any]) -> list[Quality]:
        return [Measured(np.clip(version, 0, 255).astype(np.uint8)).quality() for version in versions]

    def falls(values: list[float]) -> bool:
        return all(b < a - 1 for a, b in pairwise(values))

    assert falls([each.brightness for each in qualities([pixels * share for share in (1, 0.8, 0.6, 0.3)])])
    blurred = [pixels, *(gaussian_filter(pixels, (radius, radius, 0)) for radius in (0.7, 1.5, 3, 6))]
    assert falls([each.sharpness for each in qualities(blurred)])
    mean = pixels.mean()
    flat = qualities([mean + (pixels - mean) * share for share in (1, 0.8, 0.6, 0.3)])
    assert falls([each.contrast for each in flat])


def test_instances_have_colours_where_both_features_are_asked_for(
    detect: Detect, photo: Callable[[str], bytes]
) -> None:
    features = ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
    found = detect(photo("labels/coco_000000000785"), Features=features, most=5)
    plain = detect(photo("labels/coco_000000000785"), Features=features[:1])
    (person,) = next(label for label in found["Labels"] if label["Name"] == "Person")["Instances"]
    assert 1 <= len(person["DominantColors"]) <= 5
    assert share(person["DominantColors"], "red") > 5
    assert {color["SimplifiedColor"] for color in person["DominantColors"]} >= {"black", "red"}
    for label in found["Labels"]:
        for instance in label["Instances"]:
            del instance["DominantColors"]
    assert found["Labels"] == plain["Labels"]
    assert "ImageProperties" not in plain


def test_a_turned_photo_has_the_same_properties(detect: Detect, photo: Callable[[str], bytes]) -> None:
    pixels = pixels_of(photo("faces/azure_detection2"))
    upright = detect(jpeg(pixels))["ImageProperties"]
    turned = detect(with_exif(jpeg(np.ascontiguousarray(np.rot90(pixels))), 6))["ImageProperties"]
    for part in PARTS:
        for member, value in upright[part]["Quality"].items():
            assert turned[part]["Quality"][member] == pytest.approx(value, abs=1.5), (part, member)


@pytest.mark.parametrize("shape", [(80, 80), (80, 5000), (5000, 80)])
def test_pictures_of_odd_shapes(detect: Detect, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    found = detect(png(picture), Features=["GENERAL_LABELS", "IMAGE_PROPERTIES"], MinConfidence=0.0)
    assert found["ImageProperties"]["Quality"]["Brightness"] == pytest.approx(50, abs=4)


def test_no_network_runs_that_is_not_needed(
    detect: Detect, photo: Callable[[str], bytes], models_dir: Path, tmp_path: Path
) -> None:
    """Two folders of models: one without the network for the foreground, one with it alone."""
    for name in ("labels", "properties"):
        (tmp_path / name).mkdir()
    for folder in (folder for folder in models_dir.iterdir() if folder.is_dir()):
        name = "properties" if folder.name == "foreground-u2netp" else "labels"
        (tmp_path / name / folder.name).symlink_to(folder, target_is_directory=True)
    labels, properties = Library(tmp_path / "labels"), Library(tmp_path / "properties")
    content = photo("faces/azure_detection2")
    assert detect(content, labels, Features=["GENERAL_LABELS"])["Labels"]
    assert detect(content, properties)["ImageProperties"]
    with pytest.raises(ModelError, match="foreground-u2netp"):
        detect(content, labels)
    with pytest.raises(ModelError, match="objects-picodet-s"):
        detect(content, properties, Features=["GENERAL_LABELS"])
