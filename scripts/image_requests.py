"""An example of a request for every operation on images."""

import json
from collections.abc import Mapping
from typing import Any

COLLECTION, USER = "bench", "somebody"
REQUESTS: Mapping[str, dict[str, Any]] = {
    "AssociateFaces": {"CollectionId": COLLECTION, "UserId": USER, "FaceIds": ["FACE"]},
    "CompareFaces": {},
    "DetectFaces": {"Attributes": ["ALL"]},
    "DetectLabels": {},
    "DetectModerationLabels": {},
    "DetectProtectiveEquipment": {},
    "DetectText": {},
    "IndexFaces": {"CollectionId": COLLECTION},
    "RecognizeCelebrities": {},
    "SearchFaces": {"CollectionId": COLLECTION, "FaceId": "FACE"},
    "SearchFacesByImage": {"CollectionId": COLLECTION},
    "SearchUsers": {"CollectionId": COLLECTION, "FaceId": "FACE"},
    "SearchUsersByImage": {"CollectionId": COLLECTION},
}
"""Operation -> its request without images; FACE is the id of a face that is indexed."""


def request_of(name: str, face: str) -> dict[str, Any]:
    """The example of an operation, without its images."""
    text = json.dumps(REQUESTS[name]).replace("FACE", face)
    request: dict[str, Any] = json.loads(text)
    return request
