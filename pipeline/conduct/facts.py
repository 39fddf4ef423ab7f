"""What is known of a video, as plain values for the database and bytes for the work store."""

import io
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import numpy as np

from pipeline.media.types import AudioInfo, FrameIndex, MediaInfo

_FRACTIONS = ("sample_aspect_ratio", "frame_rate", "time_base")


def index_key(pass_id: str) -> str:
    """Where the frame index of a pass is in the work store."""
    return f"{pass_prefix(pass_id)}index.npz"


def pass_prefix(pass_id: str) -> str:
    """Where everything of a pass is in the work store."""
    return f"passes/{pass_id}/"


def results_prefix(job_id: str) -> str:
    """Where everything that a job's Get answers show is in the work store."""
    return f"results/{job_id}/"


def media_values(media: MediaInfo) -> dict[str, Any]:
    """The facts as JSON values."""
    return asdict(media) | {name: str(getattr(media, name)) for name in _FRACTIONS}


def media_of(values: Mapping[str, Any]) -> MediaInfo:
    """The facts that `media_values` wrote."""
    fractions = {name: Fraction(values[name]) for name in _FRACTIONS}
    return MediaInfo(**{**values, **fractions, "audio": tuple(AudioInfo(**audio) for audio in values["audio"])})


def video_metadata(media: MediaInfo) -> dict[str, Any]:
    """VideoMetadata as the API shows it; the frame rate is a 32-bit number there."""
    return {
        "Codec": media.codec,
        "DurationMillis": media.duration_ms,
        "Format": media.format,
        "FrameRate": float(np.float32(media.frame_rate)),
        "FrameHeight": media.height,
        "FrameWidth": media.width,
        "ColorRange": media.color_range,
    }


def pack_index(index: FrameIndex) -> bytes:
    """The frame index as a compressed npz file."""
    buffer = io.BytesIO()
    base = np.array([index.time_base.numerator, index.time_base.denominator], dtype=np.int64)
    steps = np.diff(index.pts, prepend=0)
    np.savez_compressed(buffer, pts=steps, keyframes=index.keyframes, time_base=base, repeated=index.repeated)
    return buffer.getvalue()


def unpack_index(raw: bytes) -> FrameIndex:
    """The frame index that `pack_index` wrote."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as columns:
        numerator, denominator = (int(value) for value in columns["time_base"])
        pts = np.cumsum(columns["pts"], dtype=np.int64)
        # Indexes of before have no such column: nothing is left out on their word.
        repeated = bool(columns["repeated"]) if "repeated" in columns else True
        return FrameIndex(pts, columns["keyframes"], Fraction(numerator, denominator), repeated)
