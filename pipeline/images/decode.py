"""From the bytes of an image to a frame, in the terms of requests."""

from pipeline.errors import MediaError, RequestError
from pipeline.media.picture import PictureHead, picture_head
from pipeline.media.still import Still, decode

LEAST_SIDE, GREATEST_SIDE = 80, 10_000
"""Pixels of either side. Source: Amazon Rekognition developer guide, "Guidelines and quotas"."""


def frame_of(content: bytes, member: str) -> Still:
    """The upright picture; `member` is what messages call it.

    Raises:
        RequestError: InvalidImageFormatException, ImageTooLargeException, or InvalidParameterException for one that is too small.
    """
    try:
        _check_sides(picture_head(content), member)
        return decode(content, GREATEST_SIDE**2)
    except MediaError as error:
        raise RequestError(
            "InvalidImageFormatException", f"Request has invalid image format: {member}: {error}."
        ) from None


def _check_sides(head: PictureHead, member: str) -> None:
    sides = f"{member}: {head.width} x {head.height} pixels"
    if max(head.width, head.height) > GREATEST_SIDE:
        raise RequestError(
            "ImageTooLargeException",
            f"Image size is too large: {sides}; the maximum dimension size is {GREATEST_SIDE} pixels.",
        )
    if min(head.width, head.height) < LEAST_SIDE:
        raise RequestError(
            "InvalidParameterException",
            f"Request has invalid parameters: {sides}; both sides must have at least {LEAST_SIDE}.",
        )
