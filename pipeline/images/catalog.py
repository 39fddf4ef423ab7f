"""Which operations look at images, and in which members of their requests those are: pure data.

An entry and the module of `pipeline.images` that it names are an operation; nothing else lists them.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ImageOperation:
    """An operation of the Rekognition API that answers at once.

    Attributes:
        name: As the API calls it.
        module: Module of `pipeline.images` whose `answer` answers it.
        images: Members of the request that are images.
    """

    name: str
    module: str
    images: tuple[str, ...] = ("Image",)


IMAGE_OPERATIONS: Mapping[str, ImageOperation] = {
    operation.name: operation
    for operation in (
        ImageOperation("AssociateFaces", "associate_faces", images=()),
        ImageOperation("CompareFaces", "compare_faces", ("SourceImage", "TargetImage")),
        ImageOperation("DetectFaces", "detect_faces"),
        ImageOperation("DetectLabels", "detect_labels"),
        ImageOperation("DetectModerationLabels", "detect_moderation_labels"),
        ImageOperation("DetectProtectiveEquipment", "detect_protective_equipment"),
        ImageOperation("DetectText", "detect_text"),
        ImageOperation("IndexFaces", "index_faces"),
        ImageOperation("RecognizeCelebrities", "recognize_celebrities"),
        ImageOperation("SearchFaces", "search_faces", images=()),
        ImageOperation("SearchFacesByImage", "search_faces_by_image"),
        ImageOperation("SearchUsers", "search_users", images=()),
        ImageOperation("SearchUsersByImage", "search_users_by_image"),
    )
}
