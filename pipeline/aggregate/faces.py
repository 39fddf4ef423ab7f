"""Faces over time: GetFaceDetection's items.

`eyeLeft` is the eye on the picture's left, as in Rekognition's answers (its sample of DetectFaces has eyeLeft at X .64, eyeRight at .73).

A face's confidence is that of YuNet's two heads ("is a face", "is centred here") not both being wrong, 1 - (1 - s)² for their
geometric mean s: 91 percent at the threshold of the detector, over 99 for a clear face.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.aggregate.boxes import bounding_box, percent
from pipeline.aggregate.face_traits import occlusion, trait_detail
from pipeline.aggregate.steadiness import Window
from pipeline.aggregate.types import Record
from pipeline.detect.types import Faces
from pipeline.media.types import Timestamp

LANDMARKS = ("eyeLeft", "eyeRight", "nose", "mouthLeft", "mouthRight")
ANSWERED = ("eyeLeft", "eyeRight", "mouthLeft", "mouthRight", "nose")


@dataclass(frozen=True, slots=True)
class FaceTimeline:
    """One item per face and sample, with the attributes of FaceAttributes DEFAULT.

    Attributes:
        faces: Key of the stage that finds faces.
    """

    faces: str

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """The faces of this sample, largest first."""
        del index
        faces: Faces | None = found.get(self.faces)
        for row in range(len(faces.scores)) if faces is not None else ():
            assert faces is not None
            yield _record(timestamp, face_detail(faces, row))

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """Nothing: every face is reported at once."""
        del end
        return iter(())

    def summary(self) -> Mapping[str, Any]:
        """Nothing beside the items."""
        return {}


@dataclass(frozen=True, slots=True)
class TraitTimeline:
    """One item per face and sample, with the attributes of FaceAttributes ALL; what is steadied waits for two more samples.

    Attributes:
        faces: Key of the stage that finds faces.
        traits: Key of the stage that tells what they look like.
        window: The last samples.
    """

    faces: str
    traits: str
    window: Window = field(default_factory=Window)

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """The faces of the sample that has become complete, largest first."""
        del index
        if self.faces in found and self.traits in found:
            place = self.window.add(timestamp, found[self.faces], found[self.traits])
            if place is not None:
                yield from self._records(place)

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """The faces of the last samples."""
        del end
        for place in self.window.rest():
            yield from self._records(place)

    def summary(self) -> Mapping[str, Any]:
        """Nothing beside the items."""
        return {}

    def _records(self, place: int) -> Iterator[Record]:
        sample = self.window.samples[place]
        for row, steady in enumerate(self.window.steadied(place)):
            seen = trait_detail(sample.traits, row, steady) | occlusion(sample.faces, row, steady)
            yield _record(sample.timestamp, face_detail(sample.faces, row) | seen)


def _record(timestamp: Timestamp, face: Mapping[str, Any]) -> Record:
    body = {"Timestamp": timestamp.millis, "Face": face}
    return Record(body, timestamp.millis, confidence=face["Confidence"])


def face_detail(faces: Faces, row: int) -> dict[str, Any]:
    """A FaceDetail with the default attributes of one of the faces of a frame."""
    spots = dict(zip(LANDMARKS, faces.landmarks[row], strict=True))
    roll, yaw, pitch = (round(float(angle), 4) for angle in faces.pose[row])
    brightness, sharpness = (round(float(value), 4) for value in faces.quality[row])
    return {
        "BoundingBox": bounding_box(faces.boxes[row]),
        "Landmarks": [{"Type": name, "X": _ratio(spots[name][0]), "Y": _ratio(spots[name][1])} for name in ANSWERED],
        "Pose": {"Roll": roll, "Yaw": yaw, "Pitch": pitch},
        "Quality": {"Brightness": brightness, "Sharpness": sharpness},
        "Confidence": percent(1 - (1 - float(faces.scores[row])) ** 2),
    }


def _ratio(value: float) -> float:
    return round(float(value), 6)
