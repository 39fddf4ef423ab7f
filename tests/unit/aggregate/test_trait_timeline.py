from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.face_traits import EMOTION_NAMES, age_range, emotions
from pipeline.aggregate.faces import TraitTimeline
from pipeline.aggregate.types import Record
from pipeline.detect.mesh import SHAPES
from pipeline.detect.traits import EMOTIONS, unknown
from pipeline.detect.types import Faces, FaceTraits
from pipeline.media.types import Timestamp

FACES, TRAITS = "faces", "traits"
RATE = Fraction(1, 2)
LEFT, RIGHT = (0.1, 0.2, 0.2, 0.3), (0.6, 0.2, 0.2, 0.3)
SHARES = st.lists(st.floats(0.001, 1), min_size=7, max_size=7)


def faces(*boxes: tuple[float, ...]) -> Faces:
    count = len(boxes)
    return Faces(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(count, 0.9, np.float32),
        landmarks=np.full((count, 5, 2), 0.4, np.float32),
        pose=np.tile(np.float32([1, -20, 5]), (count, 1)).reshape(-1, 3),
        quality=np.tile(np.float32([60, 85]), (count, 1)).reshape(-1, 2),
    )


def traits(*people: tuple[float, float], **columns: np.ndarray) -> FaceTraits:
    """Traits of faces with (age, male)."""
    count = len(people)
    shapes = np.zeros((count, len(SHAPES)), np.float32)
    known = FaceTraits(
        presence=np.ones(count, np.float32),
        landmarks=np.tile(np.linspace(0.1, 0.9, 60, dtype=np.float32).reshape(30, 2), (count, 1, 1)),
        pose=np.tile(np.float32([2, 30, -5]), (count, 1)),
        gaze=np.tile(np.float32([-10, 4]), (count, 1)),
        shapes=shapes,
        gaps=np.tile(np.float32([0.3, 0.02]), (count, 1)),
        ages=np.float32([[age, 1] for age, _ in people]).reshape(-1, 2),
        male=np.float32([male for _, male in people]),
        emotions=np.tile(np.float32([0.02, 0.01, 0.03, 0.1, 0.2, 0.04, 0.6]), (count, 1)),
        eyeglasses=np.full(count, 0.1, np.float32),
        sunglasses=np.full(count, 0.01, np.float32),
    )
    return replace(known, **columns)


def told(*samples: tuple[Faces, FaceTraits]) -> list[Record]:
    timeline = TraitTimeline(FACES, TRAITS)
    records = []
    for place, (found, seen) in enumerate(samples):
        records += timeline.add(place, Timestamp(place, RATE), {FACES: found, TRAITS: seen})
    return records + list(timeline.finish(Timestamp(len(samples), RATE)))


def one(**columns: np.ndarray) -> dict[str, Any]:
    (record,) = told((faces(LEFT), traits((30, 0.9), **columns)))
    face: dict[str, Any] = record.body["Face"]
    return face


def test_a_face_tells_all_that_is_known_in_the_shape_of_the_api() -> None:
    service = ServiceModel(Loader().load_service_model("rekognition", "service-2"))
    (record,) = told((faces(LEFT), traits((30, 0.9))))
    assert not ParamValidator().validate(record.body, service.shape_for("FaceDetection")).has_errors()
    face = record.body["Face"]
    told_of = {
        "AgeRange",
        "Gender",
        "Smile",
        "Emotions",
        "EyesOpen",
        "MouthOpen",
        "EyeDirection",
        "Eyeglasses",
        "Sunglasses",
    }
    assert set(face) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"} | told_of
    assert face["Pose"] == {"Roll": 2.0, "Yaw": 30.0, "Pitch": -5.0}
    assert face["EyeDirection"] == {"Yaw": -10.0, "Pitch": 4.0, "Confidence": pytest.approx(99.6, abs=1)}
    assert face["Gender"] == {"Value": "Male", "Confidence": pytest.approx(90, abs=0.01)}
    assert {spot["Type"] for spot in face["Landmarks"]} == set(service.shape_for("LandmarkType").enum)


def test_a_face_whose_mesh_is_unknown_has_the_default_attributes() -> None:
    (record,) = told((faces(LEFT), unknown(1)))
    face = record.body["Face"]
    assert set(face) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"}
    assert len(face["Landmarks"]) == 5
    assert face["Pose"]["Yaw"] == -20


def test_verdicts_turn_at_their_limits_and_are_never_below_fifty() -> None:
    smiling = np.zeros((1, len(SHAPES)), np.float32)
    smiling[0, [SHAPES.index("mouthSmileLeft"), SHAPES.index("mouthSmileRight")]] = 0.9
    blinking = np.zeros((1, len(SHAPES)), np.float32)
    blinking[0, [SHAPES.index("eyeBlinkLeft"), SHAPES.index("eyeBlinkRight")]] = 0.9
    plain, smile = one(), one(shapes=smiling)
    closed = one(shapes=blinking, gaps=np.float32([[0.04, 0.4]]))
    assert (plain["Smile"]["Value"], smile["Smile"]["Value"]) == (False, True)
    assert (plain["EyesOpen"]["Value"], closed["EyesOpen"]["Value"]) == (True, False)
    assert (plain["MouthOpen"]["Value"], closed["MouthOpen"]["Value"]) == (False, True)
    assert "EyeDirection" not in closed
    verdicts = [
        face[name]["Confidence"] for face in (plain, smile, closed) for name in ("Smile", "EyesOpen", "MouthOpen")
    ]
    assert min(verdicts) > 90


def test_sunglasses_and_the_edge_of_the_frame_hide_a_face() -> None:
    plain, dark, clear = one(), one(sunglasses=np.float32([0.8])), one(eyeglasses=np.float32([0.9]))
    assert plain["Eyeglasses"] == {"Value": False, "Confidence": pytest.approx(90, abs=0.01)}
    assert clear["Eyeglasses"] == {"Value": True, "Confidence": pytest.approx(90, abs=0.01)}
    assert (plain["Sunglasses"]["Value"], dark["Sunglasses"]["Value"]) == (False, True)
    assert dark["Sunglasses"]["Confidence"] == dark["FaceOccluded"]["Confidence"] == pytest.approx(80, abs=0.01)
    assert "FaceOccluded" not in plain
    cut = replace(faces(LEFT), landmarks=np.float32([[[-0.05, 0.3], [0.1, 0.3], [0, 0.4], [0, 0.5], [0.1, 0.5]]]))
    (record,) = told((cut, unknown(1)))
    assert record.body["Face"]["FaceOccluded"]["Value"]
    assert record.body["Face"]["FaceOccluded"]["Confidence"] > 99


@given(SHARES, st.floats(0, 1))
def test_emotions_descend_and_sum_to_a_hundred(shares: list[float], smile: float) -> None:
    told_of = emotions((np.array(shares) / sum(shares)).astype(np.float32), smile)
    confidences = [each["Confidence"] for each in told_of]
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(100, abs=0.01)
    assert {each["Type"] for each in told_of} == set(EMOTION_NAMES.values())


def test_a_smile_speaks_for_happiness() -> None:
    even = np.full(len(EMOTIONS), 1 / 7, np.float32)
    assert emotions(even, 1.0)[0]["Type"] == "HAPPY"
    assert emotions(even, 0.0)[-1]["Type"] == "HAPPY"


@given(st.floats(0, 80), st.floats(0, 15))
def test_the_range_of_ages_holds_the_estimate_and_widens_with_age_and_doubt(age: float, spread: float) -> None:
    found = age_range(age, spread)["AgeRange"]
    assert 0 <= found["Low"] <= age + 0.5
    assert age - 0.5 <= found["High"]
    assert found["High"] - found["Low"] >= min(age, 3.2) + 2
    assert age_range(age, 15)["AgeRange"]["High"] > age_range(age, 0)["AgeRange"]["High"]
    assert age_range(age, 16) == {}, "a range that says nothing is left out"


def test_one_odd_sample_changes_neither_gender_nor_age() -> None:
    people = [(30, 0.9), (32, 0.8), (70, 0.1), (31, 0.9), (30, 0.9)]
    records = told(*((faces(LEFT), traits(each)) for each in people))
    assert [r.timestamp_ms for r in records] == [0, 500, 1000, 1500, 2000]
    assert {r.body["Face"]["Gender"]["Value"] for r in records} == {"Male"}
    assert max(r.body["Face"]["AgeRange"]["High"] for r in records) < 50


def test_a_cut_to_another_face_at_the_same_place_is_a_step() -> None:
    people = [(30, 0.9)] * 4 + [(60, 0.1)] * 4
    records = told(*((faces(LEFT), traits(each)) for each in people))
    assert [r.body["Face"]["Gender"]["Value"] for r in records] == ["Male"] * 4 + ["Female"] * 4


def test_faces_beside_each_other_do_not_mix_whatever_their_order() -> None:
    man, woman = (40, 0.95), (20, 0.05)
    samples = [
        (faces(LEFT, RIGHT), traits(man, woman)) if k % 2 else (faces(RIGHT, LEFT), traits(woman, man))
        for k in range(5)
    ]
    for record in told(*samples):
        face = record.body["Face"]
        assert face["Gender"]["Value"] == ("Male" if face["BoundingBox"]["Left"] < 0.5 else "Female")


def test_samples_without_faces_part_what_lies_before_and_behind() -> None:
    nobody = (faces(), unknown(0))
    records = told((faces(LEFT), traits((20, 0.2))), nobody, (faces(LEFT), traits((60, 0.9))))
    assert [r.body["Face"]["Gender"]["Value"] for r in records] == ["Female", "Male"]
    assert [r.timestamp_ms for r in records] == [0, 1000]


def test_an_outburst_of_one_sample_is_weighed_with_its_neighbours() -> None:
    calm, angry = (np.eye(len(EMOTIONS), dtype=np.float32)[[EMOTIONS.index(name)]] for name in ("neutral", "angry"))
    shown = [calm, calm, angry, calm, calm, calm]
    records = told(*((faces(LEFT), traits((30, 0.9), emotions=each)) for each in shown))
    anger = [next(e["Confidence"] for e in r.body["Face"]["Emotions"] if e["Type"] == "ANGRY") for r in records]
    assert anger == pytest.approx([0, 100 / 3, 100 / 3, 100 / 3, 0, 0], abs=0.01)
    assert all(record.body["Face"]["Emotions"][0]["Type"] == "CALM" for record in records)


def test_emotions_of_another_face_do_not_count() -> None:
    calm, angry = (np.eye(len(EMOTIONS), dtype=np.float32)[[EMOTIONS.index(name)]] for name in ("neutral", "angry"))
    records = told((faces(LEFT), traits((30, 0.9), emotions=calm)), (faces(RIGHT), traits((30, 0.9), emotions=angry)))
    assert [record.body["Face"]["Emotions"][0]["Confidence"] for record in records] == pytest.approx([100, 100])
