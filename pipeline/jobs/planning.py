"""Cutting a video into chunks: pure arithmetic."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from pipeline.media.types import FrameIndex, MediaInfo, Stretch


def stretches(media: MediaInfo, index: FrameIndex, chunk_s: float) -> list[Stretch]:
    """The video cut into stretches of about `chunk_s` seconds."""
    cuts = cut(index.keyframes.tolist(), _Starts(index), len(index.pts), media.duration_ms / 1000, chunk_s)
    return [Stretch(start, stop) for start, stop in cuts]


class _Starts(Sequence[float]):
    """When each keyframe is displayed, in seconds; worked out where it is asked for, since every frame may be one."""

    def __init__(self, index: FrameIndex) -> None:
        self._index = index

    def __len__(self) -> int:
        return len(self._index.keyframes)

    def __getitem__(self, place: Any) -> Any:
        return float(self._index.timestamp(int(self._index.keyframes[place])).seconds)


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
