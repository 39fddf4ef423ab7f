"""Faces of collections: as they are found, and as they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Image:
    """Where faces come from.

    Attributes:
        digest: SHA-256 of the image's bytes, hexadecimal: the same digest is the same image.
        external_id: The caller's ExternalImageId.
    """

    digest: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewFace:
    """A face to be kept.

    Attributes:
        box: BoundingBox, AWS-shaped.
        confidence: 0 to 100.
        vector: The embedding: float32, little-endian, of length 1.
        user_id: Whose face it is, where that is known.
    """

    box: Mapping[str, float]
    confidence: float
    vector: bytes
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """A face of a collection.

    Attributes:
        position: In the order of arrival.
        id: FaceId.
        image_id: ImageId, the same for the same image in a collection.
        external_image_id: As the caller gave it.
        box: BoundingBox, AWS-shaped.
        confidence: 0 to 100.
        model_version: Version of its embedding.
        user_id: Whose face it is, where that is known.
    """

    position: int
    id: str
    image_id: str
    external_image_id: str | None
    box: Mapping[str, float]
    confidence: float
    model_version: str
    user_id: str | None

    @property
    def wire(self) -> dict[str, Any]:
        """The `Face` of the API."""
        members = {
            "FaceId": self.id,
            "BoundingBox": dict(self.box),
            "ImageId": self.image_id,
            "ExternalImageId": self.external_image_id,
            "Confidence": self.confidence,
            "IndexFacesModelVersion": self.model_version,
            "UserId": self.user_id,
        }
        return {name: value for name, value in members.items() if value is not None}


def overlap(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    inside = 1.0
    for start, length in (("Left", "Width"), ("Top", "Height")):
        low = max(one[start], other[start])
        high = min(one[start] + one[length], other[start] + other[length])
        inside *= max(0.0, high - low)
    union = one["Width"] * one["Height"] + other["Width"] * other["Height"] - inside
    return inside / union if union > 0 else 0.0
