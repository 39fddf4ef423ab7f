"""Detections of whole chunks, read as tables or row by row."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.feed import feed
from pipeline.aggregate.segments import SegmentRequest, SegmentStages, SegmentTimeline
from pipeline.aggregate.types import Measuring, Record
from pipeline.detect.columns import Packed, pack, unpack_values
from pipeline.detect.types import Tags, TextLines, Values
from pipeline.media.types import F32, FrameIndex, MediaInfo

FRAMES = 90
STAGES = SegmentStages("shots", "black", "dark", "layout", "sound", "text")
COLUMNS = {"shots": 2, "black": 3, "dark": 3, "layout": 4, "sound": 2}
BASE = Fraction(1, 10)
MEDIA = MediaInfo(
    "h264", "x", 2, 2, 0, Fraction(1), Fraction(10), True, FRAMES, 9000, "LIMITED", BASE, 0, 0, (), 1
)  # fmt: skip
INDEX = FrameIndex(np.arange(FRAMES), np.zeros(1, np.int64), BASE)


def values(table: F32, begin: int) -> bytes:
    return pack([(begin + place, Values(row)) for place, row in enumerate(table)])


def segments(packed: dict[str, list[bytes]], at_once: bool) -> list[Record]:
    request = SegmentRequest(("SHOT", "TECHNICAL_CUE"))
    timeline = SegmentTimeline(request, MEDIA, INDEX, STAGES)
    streams = {key: Packed(pieces) for key, pieces in packed.items()}
    found = dict(streams) if at_once else {key: list(stream) for key, stream in streams.items()}
    return list(feed(timeline, INDEX, MEDIA, found))


@given(st.integers(0, 1000), st.lists(st.integers(1, FRAMES - 1), max_size=3, unique=True))
def test_segments_do_not_depend_on_how_measurements_come(seed: int, borders: Sequence[int]) -> None:
    chance = np.random.default_rng(seed)
    limits = [0, *sorted(borders), FRAMES]
    packed: dict[str, list[bytes]] = {"text": []}
    for key, width in COLUMNS.items():
        table = np.where(chance.random((FRAMES, width)) < 0.9, 0, 1).astype(np.float32)
        table[20:40] = 1
        packed[key] = [values(table[a:b], a) for a, b in pairwise(limits)]
    nothing = np.zeros(0, np.int64)
    quads = np.zeros((0, 4, 2), np.float32)
    lines = TextLines(quads, nothing, quads, np.zeros(0, np.float32), nothing, nothing)
    packed["text"] = [pack([(frame, lines) for frame in range(0, FRAMES, 5)])]
    at_once = segments(packed, at_once=True)
    assert at_once
    assert at_once == segments(packed, at_once=False)


def test_the_timeline_of_segments_takes_tables() -> None:
    timeline = SegmentTimeline(SegmentRequest(("SHOT",)), MEDIA, INDEX, STAGES)
    assert isinstance(timeline, Measuring)
    assert set(timeline.measured) == {"shots"}


def test_a_table_is_unpacked_as_it_was() -> None:
    table = np.random.default_rng(1).random((7, 3)).astype(np.float32)
    frames, found = unpack_values(values(table, 5))
    assert frames.tolist() == list(range(5, 12))
    assert np.array_equal(found, table)
    assert [len(part) for part in unpack_values(pack([]))] == [0, 0]


@pytest.mark.parametrize(
    "found",
    [
        [(0, Tags(np.zeros(1, np.int64), np.zeros(1, np.float32)))],
        [(0, Values(np.zeros(1, np.float32))), (1, Values(np.zeros(2, np.float32)))],
    ],
)
def test_what_is_no_table_is_refused(found: list[tuple[int, Values | Tags]]) -> None:
    with pytest.raises(ValueError, match="no table"):
        unpack_values(pack(found))
