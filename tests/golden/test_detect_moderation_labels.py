"""DetectModerationLabels on real photos: the same categories as for videos, in the order of the API, and what cannot be asked for here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from scripts.still import still
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import jpeg

pytestmark = pytest.mark.weights

Moderate = Callable[..., dict[str, Any]]
FLOW = "arn:aws:sagemaker:us-east-1:111122223333:flow-definition/review"
ADAPTER = "arn:aws:rekognition:us-east-1:111122223333:project/mine/version/first/1700000000000"


@pytest.fixture(scope="module")
def moderate(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moderate]:
    """The operation's answer about an image's bytes."""
    library = Library(models_dir, threads=2)
    settings = Settings(data_dir=tmp_path_factory.mktemp("moderation"), secret_key=SECRET)
    services = Services.from_settings(settings, RememberingQueue())

    def run(content: bytes, **request: Any) -> dict[str, Any]:
        answer = load("DetectModerationLabels")(Call(services, library, ACCOUNT, request, {"Image": content}))
        assert set(answer) == {"ModerationLabels", "ModerationModelVersion", "ContentTypes"}
        assert answer["ModerationModelVersion"] == "7.0"
        return answer

    yield run
    services.close()


@pytest.mark.parametrize(
    ("photo", "chain"),
    [
        ("guns_21.jpeg", ["Weapons", "Violence"]),
        ("swimwear_1.jpg", ["Swimwear or Underwear"]),
        ("wine_pasta.jpg", ["Alcoholic Beverages", "Alcohol"]),
    ],
)
def test_a_category_and_its_parents_are_found_narrowest_first(
    moderate: Moderate, media: Path, photo: str, chain: list[str]
) -> None:
    content = (media / "images/moderation" / photo).read_bytes()
    answer = moderate(content)
    labels = answer["ModerationLabels"]
    assert [label["Name"] for label in labels][: len(chain)] == chain
    assert [label["ParentName"] for label in labels][: len(chain)] == [*chain[1:], ""]
    assert [label["TaxonomyLevel"] for label in labels][: len(chain)] == list(range(len(chain), 0, -1))
    assert all(50 <= label["Confidence"] <= 100 for label in labels)
    assert answer["ContentTypes"] == []

    everything = moderate(content, MinConfidence=0.0)["ModerationLabels"]
    confidences = [label["Confidence"] for label in everything]
    assert confidences == sorted(confidences, reverse=True)
    assert [label for label in everything if label["Confidence"] >= 50] == labels
    bar = labels[0]["Confidence"]
    assert moderate(content, MinConfidence=bar)["ModerationLabels"][0] == labels[0]
    assert moderate(content, MinConfidence=min(bar + 0.01, 100.0))["ModerationLabels"] == []


@pytest.mark.parametrize("photo", ["labels/coco_000000574315.jpg", "faces/azure_detection2.jpg"])
def test_harmless_photos_are_left_alone(moderate: Moderate, media: Path, photo: str) -> None:
    assert moderate((media / "images" / photo).read_bytes())["ModerationLabels"] == []


def test_a_drawn_picture_is_illustrated(moderate: Moderate, media: Path) -> None:
    (kind,) = moderate(still(media / "videos/sintel_trailer-720p.mp4", 20_000))["ContentTypes"]
    assert kind["Name"] == "Illustrated"
    assert 50 <= kind["Confidence"] <= 100


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"ProjectVersion": ADAPTER}, f"ProjectVersion {ADAPTER} does not exist"),
        (
            {"HumanLoopConfig": {"HumanLoopName": "one", "FlowDefinitionArn": FLOW}},
            f"HumanLoopConfig.FlowDefinitionArn '{FLOW}' does not exist: .*Leave HumanLoopConfig out",
        ),
    ],
)
def test_adapters_and_reviews_are_refused_by_name(moderate: Moderate, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(RequestError, match=said) as refusal:
        moderate(jpeg(np.zeros((100, 100, 3), np.uint8)), **request_)
    assert refusal.value.code == "ResourceNotFoundException"
