"""The settings that bound decoding, as the compute half takes them."""

from pipeline.media.limits import DecodeLimits
from pipeline.settings import Settings


def decode_limits(settings: Settings) -> DecodeLimits:
    """How much a video may ask of a worker."""
    return DecodeLimits(
        max_pixels=settings.max_pixels, max_duration_s=settings.max_video_s, stall_s=settings.decode_stall_s
    )
