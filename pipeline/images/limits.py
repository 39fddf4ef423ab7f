"""What operations take for an image, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What an operation takes for an image.

    Attributes:
        least_side: Pixels that either side must have.
        most_side: Pixels that either side may have.
        max_bytes: Of the file.
    """

    least_side: int = 80
    most_side: int = 10_000
    max_bytes: int = 15 * 1024**2


LIMITS = Limits()
"""Of most operations. Source: Amazon Rekognition developer guide, "Guidelines and quotas"."""
