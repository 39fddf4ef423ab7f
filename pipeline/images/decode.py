"""From the bytes of an image to a frame, in the terms of requests."""

from pipeline.errors import MediaError, RequestError
from pipeline.images.limits import LIMITS, Limits
from pipeline.media.picture import PictureHead, picture_head
from pipeline.media.still import Still, decode


def frame_of(content: bytes, member: str, limits: Limits = LIMITS) -> Still:
    """The upright picture; `member` is what messages call it.

    Raises:
        RequestError: InvalidImageFormatException, ImageTooLargeException, or InvalidParameterException for one that is too small.
    """
    if len(content) > limits.max_bytes:
        raise _too_large(f"{member} has {len(content)} bytes, at most {limits.max_bytes} are allowed.")
    try:
        _check_sides(picture_head(content), member, limits)
        return decode(content, limits.most_side**2)
    except MediaError as error:
        raise RequestError(
            "InvalidImageFormatException", f"Request has invalid image format: {member}: {error}."
        ) from None


def _check_sides(head: PictureHead, member: str, limits: Limits) -> None:
    sides = f"{member}: {head.width} x {head.height} pixels"
    if max(head.width, head.height) > limits.most_side:
        raise _too_large(f"{sides}; the maximum dimension size is {limits.most_side} pixels.")
    if min(head.width, head.height) < limits.least_side:
        raise RequestError(
            "InvalidParameterException",
            f"Request has invalid parameters: {sides}; both sides must have at least {limits.least_side}.",
        )


def _too_large(why: str) -> RequestError:
    return RequestError("ImageTooLargeException", f"Image size is too large: {why}")
