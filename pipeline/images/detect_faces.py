"""DetectFaces: the faces of an image, and what they look like."""

from typing import Any

from pipeline.images.call import Call
from pipeline.images.faces import described, found


def answer(call: Call) -> dict[str, Any]:
    """FaceDetails, largest first, at most the 100 largest.

    Raises:
        RequestError: the image cannot be used.
    """
    frame = call.picture().frame
    there = found(call.models, frame)
    return {"FaceDetails": described(call.models, frame, there, call.request.get("Attributes", ()))}
