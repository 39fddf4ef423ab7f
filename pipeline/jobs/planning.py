"""Cutting a video into chunks: pure arithmetic."""

from bisect import bisect_left
from collections.abc import Sequence

from pipeline.media.types import FrameIndex, MediaInfo, Stretch


def stretches(media: MediaInfo, index: FrameIndex, chunk_s: float) -> list[Stretch]:
    """The video cut into stretches of about `chunk_s` seconds."""
    starts = [float(index.timestamp(int(frame)).seconds) for frame in index.keyframes]
    cuts = cut(index.keyframes.tolist(), starts, len(index.pts), media.duration_ms / 1000, chunk_s)
    return [Stretch(start, stop) for start, stop in cuts]


def cut(
    keyframes: Sequence[int], starts_s: Sequence[float], frame_count: int, end_s: float, chunk_s: float
) -> list[tuple[int, int]]:
    """Stretches (start, stop) that partition all frames, each beginning at a keyframe, of about equal length.

    Args:
        keyframes: Ascending frame numbers at which decoding can begin; the first is 0.
        starts_s: When each keyframe is displayed, in seconds from the first frame.
        frame_count: Number of frames, at least 1.
        end_s: When the last frame ends.
        chunk_s: Wanted length in seconds; a chunk is longer only by the distance of keyframes.
    """
    parts = max(1, -int(-end_s // chunk_s))
    borders = [bisect_left(starts_s, end_s * part / parts) for part in range(1, parts)]
    begins = sorted({0, *(keyframes[border] for border in borders if border < len(keyframes))})
    return list(zip(begins, [*begins[1:], frame_count], strict=True))
