"""Stages merged in frame order."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.feed import end_of, feed
from pipeline.aggregate.types import Record
from pipeline.media.types import FrameIndex, MediaInfo, Timestamp


class Echo:
    """Tells what it was given."""

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterable[Record]:
        yield Record({"frame": index, "found": dict(found)}, timestamp.millis)

    def finish(self, end: Timestamp) -> Iterable[Record]:
        yield Record({"end": True}, end.millis)

    def summary(self) -> Mapping[str, Any]:
        return {}


def media(duration_ms: int, base: Fraction) -> MediaInfo:
    return MediaInfo(
        "h264", "x", 2, 2, 0, Fraction(1), Fraction(25), True, 50, duration_ms, "LIMITED", base, 7, 0, (), 1
    )


@given(st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 49)), max_size=3))
def test_each_frame_once_with_all_that_was_found(stages: dict[str, set[int]]) -> None:
    index = FrameIndex(7 + np.arange(50), np.zeros(1, np.int64), Fraction(1, 25))
    found = {key: [(frame, f"{key}{frame}") for frame in sorted(frames)] for key, frames in stages.items()}
    *records, last = feed(Echo(), index, media(2000, Fraction(1, 25)), found)
    frames = sorted(set().union(*stages.values()))
    assert [(record.body["frame"], record.timestamp_ms) for record in records] == [(n, 40 * n) for n in frames]
    for record in records:
        frame = record.body["frame"]
        assert record.body["found"] == {key: f"{key}{frame}" for key, chosen in stages.items() if frame in chosen}
    assert (last.body, last.timestamp_ms) == ({"end": True}, 2000)


@given(
    st.integers(0, 10**9),
    st.sampled_from([Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 24)]),
)
def test_the_end_is_the_duration_to_a_tick(duration_ms: int, base: Fraction) -> None:
    end = end_of(media(duration_ms, base))
    assert 0 <= end.seconds * 1000 - duration_ms < base * 1000
