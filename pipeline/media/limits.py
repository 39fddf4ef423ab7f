"""Bounds under which foreign files are decoded, and what decoding may trade for speed."""

from dataclasses import dataclass
from typing import Literal

DecodeDevice = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What a file may cost before it is refused.

    Attributes:
        max_pixels: Width times height of a frame, at most.
        max_duration_s: Seconds between the first and the last frame, at most.
        stall_s: Seconds of wall time without a decoded frame after which the file is given up.
        threads: Decoder threads where most frames are wanted; between frames far apart one decodes least.
        device: Where pictures are decoded; what the device does not take is decoded on the CPU.
        deblock: Whether H.264 and HEVC run their loop filter; without it decoding is faster and pixels drift slightly.
    """

    max_pixels: int = 8192 * 4608
    max_duration_s: float = 24 * 3600.0
    stall_s: float = 120.0
    threads: int = 1
    device: DecodeDevice = "cpu"
    deblock: bool = True
