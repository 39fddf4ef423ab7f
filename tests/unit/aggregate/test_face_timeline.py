from fractions import Fraction

import numpy as np
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline.aggregate.faces import FaceTimeline
from pipeline.aggregate.types import NoGalleries
from pipeline.analyses.faces import ANALYSIS
from pipeline.detect.types import Faces
from pipeline.media.types import Timestamp

FACES = "faces-500ms"

NTSC = Fraction(1001, 30000)


def faces(count: int) -> Faces:
    spots = np.float32([[0.4, 0.3], [0.6, 0.31], [0.5, 0.4], [0.42, 0.5], [0.58, 0.51]])
    return Faces(
        boxes=np.tile(np.float32([-0.1, 0.2, 0.3, 0.4]), (count, 1)).reshape(-1, 4),
        scores=np.full(count, 0.9, np.float32),
        landmarks=np.tile(spots, (count, 1, 1)).reshape(-1, 5, 2),
        pose=np.tile(np.float32([1, -20, 5]), (count, 1)).reshape(-1, 3),
        quality=np.tile(np.float32([60, 85]), (count, 1)).reshape(-1, 2),
    )


def test_each_face_of_a_sample_is_an_item_with_the_default_attributes() -> None:
    found = list(FaceTimeline(FACES).add(15, Timestamp(15, NTSC), {FACES: faces(2)}))
    assert [r.timestamp_ms for r in found] == [500, 500]
    face = found[0].body["Face"]
    assert set(face) == {"BoundingBox", "Landmarks", "Pose", "Quality", "Confidence"}
    assert face["BoundingBox"] == {"Width": 0.3, "Height": 0.4, "Left": -0.1, "Top": 0.2}
    assert face["Pose"] == {"Roll": 1.0, "Yaw": -20.0, "Pitch": 5.0}
    assert face["Quality"] == {"Brightness": 60.0, "Sharpness": 85.0}
    assert face["Confidence"] == pytest.approx(99, abs=0.01)


def test_the_left_eye_is_the_one_on_the_pictures_left() -> None:
    (record,) = FaceTimeline(FACES).add(0, Timestamp(0, NTSC), {FACES: faces(1)})
    spots = {spot["Type"]: (spot["X"], spot["Y"]) for spot in record.body["Face"]["Landmarks"]}
    assert set(spots) == {"eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose"}
    assert spots["eyeLeft"] == (0.4, 0.3)
    assert spots["eyeRight"] == (0.6, 0.31)
    assert spots["nose"] == (0.5, 0.4)
    assert spots["mouthLeft"][0] < spots["mouthRight"][0]


def test_items_are_of_the_shape_of_the_api() -> None:
    shape = ServiceModel(Loader().load_service_model("rekognition", "service-2")).shape_for("FaceDetection")
    (record,) = FaceTimeline(FACES).add(0, Timestamp(0, NTSC), {FACES: faces(1)})
    assert not ParamValidator().validate(record.body, shape).has_errors()
    assert set(record.body["Face"]) <= set(shape.members["Face"].members)


def test_frames_without_faces_make_no_items() -> None:
    timeline = ANALYSIS.aggregator({"FaceAttributes": "ALL"}, None, None, NoGalleries())  # type: ignore[arg-type]
    assert list(timeline.add(0, Timestamp(0, NTSC), {FACES: faces(0)})) == []
    assert list(timeline.add(1, Timestamp(1, NTSC), {})) == []
    assert list(timeline.finish(Timestamp(2, NTSC))) == []
    assert timeline.summary() == {}
