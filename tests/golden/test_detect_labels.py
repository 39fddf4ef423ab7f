"""DetectLabels on real photos: what is in them, the surest first; filters and limits."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue

pytestmark = pytest.mark.weights

Detect = Callable[..., dict[str, Any]]
BUS = "images/labels/bus.jpg"


@pytest.fixture(scope="module")
def library(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), secret_key=SECRET)
    made = Services.from_settings(settings, RememberingQueue())
    made.prepare()
    yield made
    made.close()


@pytest.fixture(scope="module")
def detect(services: Services, library: Library, media: Path) -> Detect:
    """DetectLabels of a file of the media."""

    def run(file: str, **request: Any) -> dict[str, Any]:
        call = Call(services, library, ACCOUNT, request, {"Image": (media / file).read_bytes()})
        return load("DetectLabels")(call)

    return run


def names(found: dict[str, Any]) -> list[str]:
    return [label["Name"] for label in found["Labels"]]


def confidences(found: dict[str, Any]) -> list[float]:
    return [label["Confidence"] for label in found["Labels"]]


def general(**filters: list[str]) -> dict[str, Any]:
    return {"GeneralLabels": filters}


def test_a_street_with_a_bus_and_people(detect: Detect) -> None:
    found = detect(BUS)
    assert found["LabelModelVersion"] == "3.0"
    assert set(found) == {"Labels", "LabelModelVersion"}
    assert {"Bus", "Vehicle", "Transportation", "Person", "People", "Road"} <= set(names(found))
    assert confidences(found) == sorted(confidences(found), reverse=True)
    assert min(confidences(found)) >= 55
    assert len(set(names(found))) == len(names(found))
    labels = {label["Name"]: label for label in found["Labels"]}
    assert [parent["Name"] for parent in labels["Bus"]["Parents"]] == ["Vehicle", "Transportation"]
    assert {"Name": "Vehicles and Automotive"} in labels["Bus"]["Categories"]
    assert {"Name": "Human"} in labels["Person"]["Aliases"]
    (bus,) = labels["Bus"]["Instances"]
    assert bus["BoundingBox"]["Width"] > 0.9
    assert len(labels["Person"]["Instances"]) >= 3
    assert all(one["Confidence"] >= 55 for label in found["Labels"] for one in label["Instances"])
    assert all({parent["Name"] for parent in label["Parents"]} <= set(names(found)) for label in found["Labels"])


def test_photos_show_what_was_noted_of_them(detect: Detect, media: Path) -> None:
    """At the chance of one half that 50 means; words of the notes that are no names of labels are left out."""
    noted = json.loads((media / "truth/labels.json").read_text())["labels"]
    for file, wanted in noted.items():
        if file.startswith("images/"):
            found = {name.lower() for name in names(detect(file, MinConfidence=50))}
            assert {"person", "bicycle", "dog", "bus", "car", "laptop", "chair"} & set(wanted) <= found, file


def test_limits_take_the_surest(detect: Detect) -> None:
    everything = detect(BUS, MinConfidence=0)
    assert len(everything["Labels"]) > len(detect(BUS)["Labels"])
    for most in (0, 1, 5, 1000, 2**31 - 1):
        assert detect(BUS, MinConfidence=0, MaxLabels=most)["Labels"] == everything["Labels"][:most]
    assert detect(BUS, MinConfidence=100)["Labels"] == [la for la in everything["Labels"] if la["Confidence"] == 100]


def test_filters_come_before_the_limit(detect: Detect) -> None:
    vehicles = general(LabelCategoryInclusionFilters=["vehicles and automotive"], LabelExclusionFilters=["Vehicle"])
    found = detect(BUS, Settings=vehicles, MaxLabels=2)
    assert "Bus" in names(found)
    assert "Vehicle" not in names(found)
    assert all({"Name": "Vehicles and Automotive"} in label["Categories"] for label in found["Labels"])
    assert names(detect(BUS, Settings=general(LabelInclusionFilters=["bUS", "Golden Hour"]))) == ["Bus"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"Settings": general(LabelInclusionFilters=["Bicicle"])}, "did you mean 'Bicycle'"),
        (
            {"Settings": general(LabelCategoryExclusionFilters=["Vehicles"])},
            "LabelCategoryExclusionFilters: 'Vehicles'",
        ),
        ({"Features": ["IMAGE_PROPERTIES"], "MaxLabels": 3}, "MaxLabels 3 is only valid"),
        ({"Features": ["IMAGE_PROPERTIES"], "MinConfidence": 0.0}, "MinConfidence 0.0 is only valid"),
    ],
)
def test_what_contradicts_itself_is_refused(detect: Detect, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words) as error:
        detect(BUS, **request_)
    assert error.value.code == "InvalidParameterException"


def test_features_that_are_named_twice_or_not_at_all_are_general_labels(detect: Detect) -> None:
    once = detect(BUS)
    for features in ([], ["GENERAL_LABELS"], ["GENERAL_LABELS", "GENERAL_LABELS"]):
        assert detect(BUS, Features=features) == once
