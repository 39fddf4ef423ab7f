"""Which faces are indexed: every flaw has its Reason, stricter filters let fewer through, the largest of the good ones stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.protocol import model
from pipeline.detect.types import Faces
from pipeline.images.face_quality import flaws
from pipeline.images.index_faces import limited

GOOD = {
    "side": 0.2,
    "score": 0.95,
    "roll": 0.0,
    "yaw": 0.0,
    "pitch": 0.0,
    "brightness": 50.0,
    "sharpness": 80.0,
    "trust": 1.0,
}
SIZE = (1000, 1000)


def reasons(level: str, **changes: float) -> list[str]:
    """Of one face of an image."""
    face = GOOD | changes
    faces = Faces(
        boxes=np.array([[0.1, 0.1, face["side"], face["side"]]], np.float32),
        scores=np.array([face["score"]], np.float32),
        landmarks=np.zeros((1, 5, 2), np.float32),
        pose=np.array([[face["roll"], face["yaw"], face["pitch"]]], np.float32),
        quality=np.array([[face["brightness"], face["sharpness"]]], np.float32),
    )
    return flaws(faces, np.array([face["trust"]], np.float32), SIZE, level)[0]


@pytest.mark.parametrize("level", ["AUTO", "LOW", "MEDIUM", "HIGH"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"side": 0.01}, "SMALL_BOUNDING_BOX"),
        ({"score": 0.7}, "LOW_CONFIDENCE"),
        ({"yaw": -85}, "EXTREME_POSE"),
        ({"pitch": 70}, "EXTREME_POSE"),
        ({"pitch": -70}, "EXTREME_POSE"),
        ({"brightness": 2}, "LOW_BRIGHTNESS"),
        ({"sharpness": 5}, "LOW_SHARPNESS"),
        ({"trust": 0.1}, "LOW_FACE_QUALITY"),
    ],
)
def test_every_flaw_is_named(level: str, change: dict[str, float], reason: str) -> None:
    assert reasons(level) == []
    assert reasons(level, **change) == [reason]
    assert reasons("NONE", **change) == []
    assert reasons(level, roll=180) == []


def test_reasons_are_the_models() -> None:
    worst = {"side": 0, "score": 0, "yaw": 90, "brightness": 0, "sharpness": 0, "trust": 0}
    known = model.service().shape_for("Reason").enum
    assert {*reasons("AUTO", **worst), *limited([[]], 0)[0]} == set(known)
    assert reasons("NONE", **worst) == ["LOW_FACE_QUALITY"], "without an embedding it could never be found"


@given(
    st.fixed_dictionaries(
        {
            "side": st.floats(0.01, 0.3),
            "score": st.floats(0.7, 1),
            "yaw": st.floats(-90, 90),
            "pitch": st.floats(-90, 90),
            "brightness": st.floats(0, 100),
            "sharpness": st.floats(0, 100),
            "trust": st.floats(0, 1),
        }
    )
)
def test_a_stricter_filter_refuses_what_a_laxer_one_does(changes: dict[str, float]) -> None:
    low, medium, high = (set(reasons(level, **changes)) for level in ("LOW", "MEDIUM", "HIGH"))
    assert low <= medium <= high


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (5, [[], ["LOW_SHARPNESS"], [], []]),
        (2, [[], ["LOW_SHARPNESS"], [], ["EXCEEDS_MAX_FACES"]]),
        (1, [[], ["LOW_SHARPNESS"], ["EXCEEDS_MAX_FACES"], ["EXCEEDS_MAX_FACES"]]),
    ],
)
def test_flawed_faces_go_first_then_the_smallest(most: int, expected: list[list[str]]) -> None:
    assert limited([[], ["LOW_SHARPNESS"], [], []], most) == expected
