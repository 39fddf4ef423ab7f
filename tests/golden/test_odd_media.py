"""Odd and broken files: each is analysed with sane facts, or refused with a sentence that says why."""

import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.analyses.types import Stage
from pipeline.detect.types import Values
from pipeline.errors import MediaError
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import EveryFrame, Frame, Stretch
from pipeline.run import run

REFUSED = {
    "audio_only_speech.mp4": "no video stream",
    "cenc_encrypted.mp4": "encrypted",
    "chunk_out_of_range.mp4": "damaged or truncated",
    "encrypted_noaltref.webm": "encrypted",
    "init_segment_only.mp4": "contains no frames",
    "invalid_userdata_231s_truncated.mp4": "contains no frames",
    "no_video_ac4.mp4": "no video stream",
    "subtitle_only.mkv": "no video stream",
}
# name -> frames, width, height, frames per second (None: variable, whatever the mean is)
ANALYSED: dict[str, tuple[int, int, int, Fraction | None]] = {
    "audio_stream_first.mov": (242, 568, 320, Fraction(30)),
    "av1_1080x720.mp4": (30, 1080, 720, Fraction(30000, 1001)),
    "delayed_start.mp4": (24, 480, 320, Fraction(25)),
    "dog_1080p_phone.mp4": (41, 1920, 1080, None),
    "duration_143165s_fragmented.mp4": (30, 1080, 720, Fraction(30000, 1001)),
    "flv_1000fps.flv": (30, 1080, 720, Fraction(30)),
    "globe_sar320_267.mp4": (181, 720, 480, None),
    "h263_vfr.3gp": (71, 352, 288, None),
    "h264_10bit_200x200.mp4": (30, 200, 200, Fraction(30)),
    "h265.ts": (30, 854, 480, Fraction(30)),
    "hdr10_hevc_10bit.mp4": (28, 1920, 1080, None),
    "mdat_too_long.mp4": (30, 1080, 720, Fraction(30000, 1001)),
    "mkv_1000fps.mkv": (30, 1080, 720, Fraction(30)),
    "nasa_two_video_streams.mp4": (390, 480, 270, Fraction(30000, 1001)),  # the larger of two default streams
    "no_duration.webm": (74, 1280, 720, None),
    "no_timescale.mp4": (182, 320, 240, Fraction(2500, 83)),
    "not_seekable.ts": (3, 640, 426, Fraction(30000, 1001)),
    "one_frame_sar16_9.mp4": (1, 640, 480, Fraction(25)),
    "partially_fragmented.mp4": (30, 1080, 720, Fraction(30000, 1001)),
    "phone_rot180_vfr_fire.mp4": (25, 1280, 720, None),
    "portrait_4k60_rot.mp4": (18, 2160, 3840, None),
    "rot90_352x288_tail_missing.mp4": (23, 288, 352, None),
    "rotate180.mov": (3, 568, 320, Fraction(30)),
    "rotate90.mov": (3, 320, 568, Fraction(30)),
    "scte35.ts": (3, 640, 426, Fraction(30000, 1001)),
    "sef_slow_motion.mp4": (63, 320, 240, Fraction(30)),
    "tiny_2x2_hdr10.mp4": (3, 2, 2, Fraction(25)),
    "unordered_pts.mov": (4, 50, 50, Fraction(32)),
    "vfr_traffic_camera.mp4": (576, 1280, 720, None),
    "white_10s.mp4": (300, 320, 240, Fraction(30)),
}
DAMAGED = {"no_timescale.mp4": 165}  # frames that survive at least
LIMITS = DecodeLimits(stall_s=30)


class Brightness:
    """Mean luma of every frame."""

    batch = 8

    def prepare(self, frame: Frame) -> float:
        return float(frame.luma().mean())

    def detect(self, prepared: Sequence[float]) -> Sequence[Values]:
        return [Values(np.asarray([mean], np.float32)) for mean in prepared]


def brightness(path: Path) -> list[tuple[int, float]]:
    facts, index = probe(path, LIMITS)
    stretch = Stretch(0, facts.frame_count)
    result = run(path, facts, index, stretch, [Stage("luma", Brightness(), EveryFrame())], lambda done: None, LIMITS)[
        "luma"
    ]
    assert result.error is None
    return [(frame, float(found.values[0])) for frame, found in result.found]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_with_a_reason(media: Path, name: str) -> None:
    with pytest.raises(MediaError, match=re.escape(REFUSED[name])):
        probe(media / "odd" / name, LIMITS)


@pytest.mark.parametrize("name", sorted(ANALYSED))
def test_facts(media: Path, name: str) -> None:
    frames, width, height, rate = ANALYSED[name]
    facts, index = probe(media / "odd" / name, LIMITS)
    assert (facts.frame_count, facts.width, facts.height) == (frames, width, height)
    assert facts.constant_rate == (rate is not None)
    assert rate is None or facts.frame_rate == rate
    assert 1 <= facts.frame_rate <= 120
    assert abs(facts.duration_ms - 1000 * frames / facts.frame_rate) <= 1000 / facts.frame_rate + 1
    assert all(0 < audio.duration_ms < 600_000 for audio in facts.audio)
    assert index.keyframes[0] == 0
    assert np.all(np.diff(index.pts) > 0)


@pytest.mark.parametrize("name", sorted(ANALYSED))
def test_every_frame_is_seen(media: Path, name: str) -> None:
    frames = ANALYSED[name][0]
    seen = [frame for frame, _ in brightness(media / "odd" / name)]
    if name in DAMAGED:
        assert DAMAGED[name] <= len(set(seen)) <= frames
    else:
        assert seen == list(range(frames))


def test_every_odd_file_has_an_expectation(media: Path) -> None:
    names = {path.name for path in (media / "odd").iterdir() if path.suffix != ".txt"}
    assert names == set(REFUSED) | set(ANALYSED)


def test_white_is_white(media: Path) -> None:
    assert all(mean > 230 for _, mean in brightness(media / "odd" / "white_10s.mp4"))


def test_rotation_and_aspect(media: Path) -> None:
    rotations = {
        name: probe(media / "odd" / name)[0].rotation for name in ("rotate90.mov", "rotate180.mov", "no_timescale.mp4")
    }
    assert rotations == {"rotate90.mov": 90, "rotate180.mov": 180, "no_timescale.mp4": 0}
    assert probe(media / "odd" / "globe_sar320_267.mp4")[0].sample_aspect_ratio == Fraction(320, 267)
    assert probe(media / "odd" / "portrait_4k60_rot.mp4")[0].color_range == "FULL"


VIDEO_FRAMES = {
    "face-demographics-walking-and-pause_gif.mp4": 41, "head-pose-face-detection-female-and-male_gif.mp4": 56,
    "head-pose-face-detection-female_gif.mp4": 23,
    "CountdownClock_0.mp4": 133, "TUD-Campus.mp4": 71, "basketball.mp4": 333, "car-detection.mp4": 377, "chaplin.mp4": 241,
    "cityCC0.mpg": 190, "climber_portrait.mp4": 351, "composite_cues_shared.mp4": 838, "googlework_short.mp4": 1026,
    "laptop_table_1080p.mp4": 96, "marathon_run.mp4": 150, "one-by-one-person-detection.mp4": 1394, "psd_testvideo.mp4": 720,
    "short_hamilton_clip.mp4": 275, "sintel_trailer-720p.mp4": 1253, "smpte-2997.mp4": 251, "thumbs_up_woman.mp4": 195,
    "traffic_camera.mp4": 576, "vtest_PETS09-S2L1.avi": 795, "worker-zone-detection_gif.mp4": 71,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(VIDEO_FRAMES))
def test_the_index_knows_all_frames(media: Path, name: str) -> None:
    facts, index = probe(media / "videos" / name)
    assert facts.frame_count == len(index.pts) == VIDEO_FRAMES[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["cityCC0.mpg", "vtest_PETS09-S2L1.avi", "composite_cues_shared.mp4", "psd_testvideo.mp4"]
)
def test_any_entry_point_gives_the_same_pixels(media: Path, name: str) -> None:
    path = media / "videos" / name
    facts, index = probe(path)
    whole = {frame.index: frame.luma().mean() for frame in read(path, facts, index, Stretch(0, facts.frame_count))}
    assert sorted(whole) == list(range(facts.frame_count))
    for start in range(0, facts.frame_count, max(1, facts.frame_count // 12)):
        stop = min(start + 5, facts.frame_count)
        part = {frame.index: frame.luma().mean() for frame in read(path, facts, index, Stretch(start, stop))}
        assert part == {number: whole[number] for number in range(start, stop)}
    sparse = np.arange(0, facts.frame_count, 17)
    picked = {
        frame.index: frame.luma().mean() for frame in read(path, facts, index, Stretch(0, facts.frame_count), sparse)
    }
    assert picked == {number: whole[number] for number in sparse.tolist()}
