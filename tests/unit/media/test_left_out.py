"""What nobody wants is not decoded, and the frames that are wanted come out bit by bit as if it had been."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.media.probe import probe
from pipeline.media.types import FrameIndex, MediaInfo
from pipeline.media.walks import tells_unreferenced, temporal_layers, threads_for
from tests.support.full_decode import fully_decoded, read_frames
from tests.support.media import U8, Clip, barcode, render

FRAMES = 60
X264 = {"preset": "veryfast", "bf": "3"}
X265 = "log-level=none:keyint=20:min-keyint=20:scenecut=0"
SHORT, LONG = X264 | {"g": "6", "x264-params": "scenecut=0"}, X264 | {"g": "30", "x264-params": "scenecut=0"}


def textured(number: int) -> U8:
    """A barcode over a moving texture, so that pictures differ everywhere and refer to one another."""
    rows, columns = np.mgrid[:64, :256]
    texture = (np.sin((columns + 3 * number) / 9) + np.sin((rows - 2 * number) / 5)) * 40
    picture = barcode(number).astype(np.int16)
    picture[40:] = 128 + texture[40:, :, None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def clip(codec: str = "libx264", frames: int = FRAMES, **options: str) -> Clip:
    return Clip(frames=frames, codec=codec, options=options, paint=textured)


CLIPS = {
    "short_groups": ("clip.mp4", clip(**SHORT)),
    "long_groups": ("clip.mkv", clip(**LONG)),
    "open_groups": ("clip.mp4", clip(**X264, g="10", **{"x264-params": "open-gop=1:scenecut=0"})),
    "open_groups_ts": ("clip.ts", clip(**X264, g="10", **{"x264-params": "open-gop=1:scenecut=0"})),
    "pyramid": ("clip.mp4", clip(**X264 | {"bf": "7", "g": "24", "x264-params": "b-pyramid=normal:scenecut=0"})),
    "refreshed": ("clip.mp4", clip(**X264 | {"bf": "0", "g": "15", "x264-params": "intra-refresh=1"})),
    "hevc_open": ("clip.mp4", clip("libx265", **{"x265-params": f"{X265}:open-gop=1:bframes=4"})),
    "hevc_layers": ("clip.mp4", clip("libx265", **{"x265-params": f"{X265}:temporal-layers=3:bframes=4:b-pyramid=1"})),
    "hevc_layers_ts": (
        "clip.ts",
        clip("libx265", **{"x265-params": f"{X265}:temporal-layers=3:bframes=4:b-pyramid=1"}),
    ),
    "mpeg2_ps": ("clip.mpg", clip("mpeg2video", g="12", bf="2", b="2M")),
    "mpeg4": ("clip.mp4", clip("mpeg4", g="12", bf="2")),
    "vp8": ("clip.webm", clip("libvpx", g="15", deadline="realtime", **{"cpu-used": "8", "auto-alt-ref": "1"})),
    "vp9": ("clip.webm", clip("libvpx-vp9", g="15", deadline="realtime", **{"cpu-used": "8"})),
    "every_frame_a_key": ("clip.mkv", Clip(FRAMES, codec="mjpeg", paint=textured, options={}, pixel_format="yuvj420p")),
    "edited": ("clip.mov", Clip(FRAMES, paint=textured, start=7, options=SHORT)),
    "uneven": ("clip.mp4", Clip(FRAMES, ticks=[n * n for n in range(FRAMES)], paint=textured, options=SHORT)),
}
STEPS = [range(first, FRAMES, step) for step, first in itertools.product((2, 5, 6, 12, 13, 31), (0, 3))]
CHOICES = (*STEPS, range(FRAMES), [FRAMES - 1], [0], [1, 2, 3, 57], [n for n in range(FRAMES) if n % 10 < 6])
Opened = tuple[Path, MediaInfo, FrameIndex]


@pytest.fixture(scope="module", params=sorted(CLIPS))
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Opened:
    return made(tmp_path_factory.mktemp("clips"), request.param)


def made(folder: Path, name: str) -> Opened:
    path = render(folder / CLIPS[name][0], CLIPS[name][1])
    return path, *probe(path)


@pytest.mark.parametrize("threads", [1, 3])
def test_wanted_frames_are_those_of_a_full_decode(opened: Opened, threads: int) -> None:
    everything = fully_decoded(*opened)
    assert sorted(everything) == list(range(FRAMES))
    for wanted in CHOICES:
        found, _ = read_frames(*opened, wanted, threads)
        assert found == {number: everything[number] for number in wanted}


# clip -> wanted frames, step -> packets that the decoder got, pictures that it decoded of them, packets that it did not get
COSTS = {
    "short_groups": {(0, 12): (5, 5, 44), (3, 6): (42, 36, 17), (0, 1): (60, 60, 0)},
    "long_groups": {(0, 12): (46, 29, 4), (3, 6): (57, 34, 1), (0, 1): (60, 60, 0)},
    "every_frame_a_key": {(0, 12): (5, 5, 44), (0, 1): (60, 60, 0)},
    "hevc_open": {(0, 12): (39, 24, 7), (0, 1): (60, 60, 0)},
    "hevc_layers": {(0, 12): (36, 30, 10)},
    "mpeg2_ps": {(0, 12): (5, 5, 42), (3, 6): (48, 20, 8)},
    "vp9": {(0, 12): (34, 34, 15)},
}


@pytest.mark.parametrize("name", sorted(COSTS))
def test_no_more_is_decoded_than_is_needed(tmp_path: Path, name: str) -> None:
    opened = made(tmp_path, name)
    for (first, step), cost in COSTS[name].items():
        _, tally = read_frames(*opened, range(first, FRAMES, step))
        assert (tally.fed, tally.pictures, tally.dropped) == cost
        assert (tally.seeks, tally.doubts, tally.converted) == (0, 0, 0)


def test_a_stream_that_recovers_slowly_is_read_from_further_back(tmp_path: Path) -> None:
    opened = made(tmp_path, "refreshed")
    everything, (found, tally) = fully_decoded(*opened), read_frames(*opened, [20, 50])
    assert found == {number: everything[number] for number in (20, 50)}
    assert tally.doubts == 1


def test_pictures_of_lower_layers_are_not_left_out() -> None:
    boxes = [bytes([1, *bytes(20), layers << 3, 0]) for layers in (1, 3)]
    streams = [bytes.fromhex(f"0000000140010c{layers:02x}ffff") for layers in (1, 5)]
    assert [temporal_layers(parameters) for parameters in (*boxes, *streams)] == [1, 3, 1, 3]
    assert tells_unreferenced("hevc", boxes[0])
    assert tells_unreferenced("hevc", streams[0])
    unknown = (None, b"", boxes[0][:21], streams[0][:7])
    assert not any(tells_unreferenced("hevc", other) for other in (boxes[1], streams[1], *unknown))


@pytest.mark.parametrize(("wanted", "threads"), [(range(10), 4), ([3], 4), (range(0, 40, 2), 4), (range(0, 40, 3), 1)])
def test_many_threads_decode_where_most_frames_are_wanted(wanted: Sequence[int], threads: int) -> None:
    assert threads_for(np.asarray(wanted, np.int64), 4) == threads


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["long_groups", "open_groups_ts", "pyramid"])
def test_damage_costs_no_more_frames_than_in_a_full_decode(tmp_path: Path, name: str, seed: int) -> None:
    path, _, _ = made(tmp_path, name)
    content, chance = bytearray(path.read_bytes()), np.random.default_rng(seed)
    place = int(chance.integers(len(content) // 4, len(content) * 3 // 4))
    content[place : place + 200] = chance.bytes(200)
    path.write_bytes(content)
    opened = path, *probe(path)
    whole = fully_decoded(*opened)
    for wanted in (range(0, opened[1].frame_count, 12), range(3, opened[1].frame_count, 5)):
        found, _ = read_frames(*opened, wanted)
        assert list(found) == [number for number in wanted if number in whole]


def test_times_that_repeat_are_reason_to_leave_nothing_out(tmp_path: Path) -> None:
    path, media, index = made(tmp_path, "short_groups")
    _, tally = read_frames(path, media, replace(index, repeated=True), range(0, FRAMES, 12))
    assert (tally.excused, tally.dropped, tally.pictures) == (0, 0, 49)


@pytest.mark.parametrize("marked", [[1, 6, 19, 28, 37, 46, 55], list(range(1, 61))])
def test_a_picture_that_is_called_a_keyframe_and_is_none_is_not_begun_with(tmp_path: Path, marked: list[int]) -> None:
    path = render(tmp_path / "clip.mp4", clip("mpeg4", g="9", bf="0"))
    content = bytearray(path.read_bytes())
    table = content.index(b"stss") + 8
    size = int.from_bytes(content[table : table + 4], "big")
    for place, number in enumerate(marked[:size]):
        content[table + 4 * (place + 1) : table + 4 * (place + 2)] = number.to_bytes(4, "big")
    path.write_bytes(content)
    opened = path, *probe(path)
    whole = fully_decoded(*opened)
    for wanted in ([2, 7, 20], [30, 41], list(range(0, FRAMES, 12))):
        found, tally = read_frames(*opened, wanted)
        assert found == {number: whole[number] for number in wanted}
    assert {marked[1]} <= set(opened[2].keyframes + 1)
    _, tally = read_frames(*opened, [2, 7])
    assert tally.doubts == 1
