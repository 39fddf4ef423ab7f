"""Frames arrive with their exact numbers, wherever decoding begins and whatever is skipped."""

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import MediaError
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import FrameIndex, MediaInfo, Stretch
from pipeline.media.walks import plan_walks
from tests.support.media import Clip, number_shown, render

Opened = tuple[Path, MediaInfo, FrameIndex]
_X264 = {"g": "10", "bf": "3", "preset": "veryfast"}
CLIPS = {
    "mp4": ("clip.mp4", Clip(audio=True)),
    "b_pyramid": (
        "clip.mp4",
        Clip(frames=60, options={"g": "15", "preset": "slow", "bf": "3", "x264-params": "b-pyramid=normal"}),
    ),
    "open_gop": ("clip.mkv", Clip(options={**_X264, "x264-params": "open-gop=1:scenecut=0"})),
    "ts_open_gop": ("clip.ts", Clip(options={**_X264, "x264-params": "open-gop=1:scenecut=0"}, start=100)),
    "ts": ("clip.ts", Clip()),
    "mpeg_ps": ("clip.mpg", Clip(codec="mpeg2video", options={"g": "10", "bf": "2", "b": "2M"})),
    "mpeg4_avi": ("clip.avi", Clip(codec="mpeg4", options={"g": "10", "bf": "2"})),
    "h264_avi": ("clip.avi", Clip()),
    "raw_h264": ("clip.h264", Clip()),
    "vfr": ("clip.mp4", Clip(ticks=[n * n for n in range(40)], options=_X264)),
    "hevc_open_gop": (
        "clip.mp4",
        Clip(codec="libx265", options={"x265-params": "log-level=none:keyint=10:min-keyint=10:bframes=3:open-gop=1"}),
    ),
    "vp9": ("clip.webm", Clip(codec="libvpx-vp9", options={"g": "10", "deadline": "realtime", "cpu-used": "8"})),
    "fragmented": ("clip.flv", Clip(start=10)),
    "mjpeg": ("clip.mkv", Clip(codec="mjpeg", options={}, pixel_format="yuvj420p", rate=Fraction(30000, 1001))),
}


@pytest.fixture(scope="module", params=sorted(CLIPS))
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    name, clip = CLIPS[request.param]
    path = render(tmp_path_factory.mktemp("clips") / name, clip)
    return path, *probe(path)


def shown(opened: Opened, stretch: Stretch, wanted: list[int] | None = None, threads: int = 1) -> list[tuple[int, int]]:
    numbers = None if wanted is None else np.asarray(wanted, np.int64)
    frames = read(*opened, stretch, numbers, DecodeLimits(threads=threads))
    return [(frame.index, number_shown(frame.luma())) for frame in frames]


def test_every_frame_shows_its_number(opened: Opened) -> None:
    count = opened[1].frame_count
    assert shown(opened, Stretch(0, count)) == [(n, n) for n in range(count)]


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (7, 13), (10, 20), (19, 31), (35, 40), (39, 40), (20, 20)])
def test_a_stretch_is_exactly_that(opened: Opened, start: int, stop: int) -> None:
    assert shown(opened, Stretch(start, stop)) == [(n, n) for n in range(start, stop)]


@pytest.mark.parametrize("wanted", [[0], [39], [3, 4, 38], [11, 25, 26], [0, 12, 24, 36], [9, 10], []])
def test_only_wanted_frames_come(opened: Opened, wanted: list[int]) -> None:
    assert shown(opened, Stretch(0, 40), wanted) == [(n, n) for n in wanted]


def test_wanted_frames_outside_the_stretch_do_not_come(opened: Opened) -> None:
    assert shown(opened, Stretch(10, 20), [5, 15, 25]) == [(15, 15)]


def test_decoder_threads_change_nothing(opened: Opened) -> None:
    assert shown(opened, Stretch(5, 30), [6, 17, 29], threads=3) == [(n, n) for n in (6, 17, 29)]


def test_times_are_those_of_the_index(opened: Opened) -> None:
    index = opened[2]
    for frame in read(*opened, Stretch(8, 14)):
        assert frame.timestamp == index.timestamp(frame.index)


def test_a_reader_left_early_closes_its_file(opened: Opened) -> None:
    frames = read(*opened, Stretch(0, 40))
    assert next(frames).index == 0
    frames.close()  # type: ignore[attr-defined]
    assert list(frames) == []


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 59), max_size=8), st.data())
def test_any_choice_of_frames(tmp_path_factory: pytest.TempPathFactory, wanted: set[int], data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "pyramid.mp4"
    if not path.exists():
        render(path, CLIPS["b_pyramid"][1])
    start = data.draw(st.integers(0, 59))
    stop = data.draw(st.integers(start, 60))
    expected = [(n, n) for n in sorted(wanted) if start <= n < stop]
    assert shown((path, *probe(path)), Stretch(start, stop), sorted(wanted)) == expected


@given(st.sets(st.integers(0, 500)), st.sets(st.integers(1, 500), max_size=30))
def test_walks_cover_the_wanted_frames_and_end_where_something_can_be_left_out(
    wanted: set[int], keys: set[int]
) -> None:
    frames, keyframes = np.asarray(sorted(wanted), np.int64), np.asarray([0, *sorted(keys)], np.int64)
    walks = plan_walks(frames, keyframes)
    assert [n for walk in walks for n in walk.wanted.tolist()] == sorted(wanted)
    assert all(keyframes[walk.key] <= walk.wanted[0] for walk in walks)
    for before, after in itertools.pairwise(walks):
        assert before.wanted[-1] + 1 < keyframes[after.key] <= after.wanted[0]


def test_joined_transport_streams_are_one_video(tmp_path: Path) -> None:
    part = render(tmp_path / "part.ts").read_bytes()
    path = tmp_path / "clip.ts"
    path.write_bytes(part + part)
    media, index = probe(path)
    assert (media.counted, media.frame_rate, media.duration_ms) == (True, 25, 80 * 40)
    shown_numbers = [number_shown(frame.luma()) for frame in read(path, media, index, Stretch(0, 80))]
    assert shown_numbers == [*range(40), *range(40)]


def test_a_stream_that_appears_late_does_not_disturb(tmp_path: Path) -> None:
    options = {"g": "50", "preset": "ultrafast"}
    parts = [
        Clip(frames=1000, options=options),
        Clip(frames=40, start=1000, audio=True, options=options),
        Clip(frames=1000, start=1045, options=options),
    ]
    path = tmp_path / "clip.ts"
    path.write_bytes(b"".join(render(tmp_path / "part.ts", part).read_bytes() for part in parts))
    media, index = probe(path)
    assert media.frame_count == 2040
    numbers = [number_shown(frame.luma()) for frame in read(path, media, index, Stretch(990, 1045))]
    assert numbers == [*range(990, 1000), *range(40), *range(5)]
    ending = [number_shown(frame.luma()) for frame in read(path, media, index, Stretch(2035, 2040))]
    assert ending == list(range(995, 1000))


def test_damage_costs_frames_and_nothing_else(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.ts", Clip(frames=60))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1500] = bytes(1500)
    path.write_bytes(content)
    media, index = probe(path)
    numbers = [frame.index for frame in read(path, media, index, Stretch(0, media.frame_count))]
    assert numbers == sorted(set(numbers))
    assert 30 <= len(numbers) <= media.frame_count


def test_without_loop_filter_the_frames_are_the_same_ones(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4", Clip(options=_X264))
    media, index = probe(path)
    frames = read(path, media, index, Stretch(0, 40), None, DecodeLimits(deblock=False))
    assert [(frame.index, number_shown(frame.luma())) for frame in frames] == [(n, n) for n in range(40)]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["clip.mp4", "clip.mkv", "clip.ts"]), st.data())
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    whole = folder / f"whole_{name}"
    if not whole.exists():
        render(whole, Clip(audio=True))
    content = bytearray(whole.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    path = folder / name
    path.write_bytes(content[: data.draw(st.integers(len(content) // 4, len(content)))])
    try:
        media, index = probe(path)
    except MediaError:
        return
    numbers = [frame.index for frame in read(path, media, index, Stretch(0, media.frame_count))]
    assert numbers == sorted(set(numbers))
    assert set(numbers) <= set(range(media.frame_count))
