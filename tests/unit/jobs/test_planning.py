"""Cutting videos into chunks."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.jobs.planning import cut


@st.composite
def videos(draw: st.DrawFn) -> tuple[list[int], list[float], int, float]:
    """Keyframes, their times, frame count and end of a video with uneven frames."""
    gaps = draw(st.lists(st.integers(1, 500), min_size=1, max_size=60))
    durations = draw(st.lists(st.floats(0.01, 30), min_size=len(gaps), max_size=len(gaps)))
    keyframes, starts = [0], [0.0]
    for gap, duration in zip(gaps[:-1], durations[:-1], strict=True):
        keyframes.append(keyframes[-1] + gap)
        starts.append(starts[-1] + duration)
    return keyframes, starts, keyframes[-1] + gaps[-1], starts[-1] + durations[-1]


@given(video=videos(), chunk_s=st.floats(0.1, 1000))
def test_chunks_partition_the_frames_and_begin_at_keyframes(
    video: tuple[list[int], list[float], int, float], chunk_s: float
) -> None:
    keyframes, starts, frame_count, end_s = video
    chunks = cut(keyframes, starts, frame_count, end_s, chunk_s)
    assert [frame for start, stop in chunks for frame in range(start, stop)] == list(range(frame_count))
    assert {start for start, _ in chunks} <= set(keyframes)


@given(video=videos(), chunk_s=st.floats(0.1, 1000))
def test_a_chunk_is_too_long_only_by_the_distance_of_keyframes(
    video: tuple[list[int], list[float], int, float], chunk_s: float
) -> None:
    keyframes, starts, frame_count, end_s = video
    times = dict(zip(keyframes, starts, strict=True)) | {frame_count: end_s}
    gaps = [after - before for before, after in zip(starts, [*starts[1:], end_s], strict=True)]
    for start, stop in cut(keyframes, starts, frame_count, end_s, chunk_s):
        assert times[stop] - times[start] <= chunk_s + max(gaps) + 1e-6


def test_a_short_video_is_one_chunk() -> None:
    assert cut([0, 30, 60], [0.0, 1.0, 2.0], 90, 3.0, 120.0) == [(0, 90)]


def test_chunks_are_of_equal_length_not_full_ones_and_a_rest() -> None:
    keyframes = list(range(130))
    assert cut(keyframes, [float(k) for k in keyframes], 130, 130.0, 120.0) == [(0, 65), (65, 130)]


def test_one_keyframe_cannot_be_cut() -> None:
    assert cut([0], [0.0], 1000, 500.0, 10.0) == [(0, 1000)]
