"""Facts of a video on their way through the database and the work store."""

import json
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.conduct.facts import media_of, media_values, pack_index, unpack_index, video_metadata
from pipeline.media.types import AudioInfo, FrameIndex, MediaInfo

MEDIA = MediaInfo(
    codec="h264",
    format="QuickTime / MOV",
    width=1080,
    height=1920,
    rotation=90,
    sample_aspect_ratio=Fraction(4, 3),
    frame_rate=Fraction(30000, 1001),
    constant_rate=True,
    frame_count=10,
    duration_ms=333,
    color_range="LIMITED",
    time_base=Fraction(1, 90000),
    start_pts=-3003,
    stream_index=1,
    audio=(AudioInfo("aac", 2, 48000, 333),),
    size_bytes=12345,
)


def test_media_survives_the_database() -> None:
    assert media_of(json.loads(json.dumps(media_values(MEDIA)))) == MEDIA


def test_the_frame_rate_is_the_32_bit_number_that_rekognition_shows() -> None:
    assert video_metadata(MEDIA)["FrameRate"] == 29.970029830932617


@given(
    first=st.integers(-(2**40), 2**40),
    steps=st.lists(st.integers(1, 10**6), max_size=50),
    base=st.fractions(min_value=Fraction(1, 10**6), max_value=1, max_denominator=10**6),
)
def test_the_frame_index_survives_the_store(first: int, steps: list[int], base: Fraction) -> None:
    pts = np.cumsum([first, *steps], dtype=np.int64)
    index = FrameIndex(pts, np.arange(0, len(pts), 3, dtype=np.int64), base)
    read = unpack_index(pack_index(index))
    assert np.array_equal(read.pts, index.pts)
    assert np.array_equal(read.keyframes, index.keyframes)
    assert read.time_base == base
