"""Detections of several stages, walked in frame order through an aggregator."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby
from typing import Any

from pipeline.aggregate.types import Aggregator, Record
from pipeline.media.types import FrameIndex, MediaInfo, Timestamp


def _keyed(key: str, found: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, str, Any]]:
    return ((frame, key, detections) for frame, detections in found)


def end_of(media: MediaInfo) -> Timestamp:
    """The end of the last frame; its milliseconds are `MediaInfo.duration_ms`."""
    ticks = -(-media.duration_ms // (1000 * media.time_base))
    return Timestamp(int(ticks), media.time_base)


def feed(
    aggregator: Aggregator, index: FrameIndex, media: MediaInfo, found: Mapping[str, Iterable[tuple[int, Any]]]
) -> Iterator[Record]:
    """The aggregator's records over the whole video.

    Args:
        aggregator: Fresh; finished afterwards.
        index: Frame times.
        media: Facts of the video.
        found: Stage key -> (frame number, detections) in frame order.
    """
    streams = [_keyed(key, frames) for key, frames in found.items()]
    in_order = merge(*streams, key=lambda item: item[0])
    for frame, group in groupby(in_order, key=lambda item: item[0]):
        yield from aggregator.add(frame, index.timestamp(frame), {key: detections for _, key, detections in group})
    yield from aggregator.finish(end_of(media))
