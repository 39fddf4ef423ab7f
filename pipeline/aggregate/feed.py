"""Detections of several stages, walked in frame order through an aggregator."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from pipeline.aggregate.types import Aggregator, Measuring, Record
from pipeline.detect.columns import Packed
from pipeline.media.types import FrameIndex, MediaInfo, Timestamp


def _numbered(stream: int, found: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, int, Any]]:
    """What is merged: no two are equal in both numbers, so that detections are never compared."""
    return ((frame, stream, detections) for frame, detections in found)


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
        found: Stage key -> (frame number, detections) in frame order, each frame at most once.
    """
    measured = _measured(aggregator, found) if isinstance(aggregator, Measuring) else frozenset[str]()
    left = {key: stream for key, stream in found.items() if key not in measured}
    keys = list(left)
    in_order = merge(*(_numbered(place, left[key]) for place, key in enumerate(keys)))
    for frame, group in groupby(in_order, key=itemgetter(0)):
        yield from aggregator.add(frame, index.timestamp(frame), {keys[place]: seen for _, place, seen in group})
    yield from aggregator.finish(end_of(media))


def _measured(aggregator: Measuring, found: Mapping[str, Iterable[tuple[int, Any]]]) -> frozenset[str]:
    """The stages that the aggregator was given at once."""
    taken = {key: stream for key, stream in found.items() if key in aggregator.measured and isinstance(stream, Packed)}
    for key, stream in taken.items():
        for frames, values in stream.values():
            aggregator.measure(key, frames, values)
    return frozenset(taken)
