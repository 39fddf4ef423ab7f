"""Facts of rendered clips, whose truth is known."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MediaError
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from tests.support.media import HEIGHT, WIDTH, Clip, render


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(25, 2)]
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_constant_rates_are_exact(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    media, index = probe(render(tmp_path / f"clip.{suffix}", Clip(rate=rate)))
    assert (media.frame_rate, media.constant_rate) == (rate, True)
    assert media.frame_count == len(index.pts) == 40
    assert abs(media.duration_ms - 40_000 / rate) <= 1


def test_format_codec_and_size(tmp_path: Path) -> None:
    media, _ = probe(render(tmp_path / "clip.mp4"))
    assert (media.codec, media.format) == ("h264", "QuickTime / MOV")
    assert (media.width, media.height, media.rotation) == (WIDTH, HEIGHT, 0)
    assert (media.sample_aspect_ratio, media.color_range) == (1, "LIMITED")
    assert media.audio == ()
    assert media.size_bytes == (tmp_path / "clip.mp4").stat().st_size


def test_keyframes_are_display_numbers(tmp_path: Path) -> None:
    _, index = probe(render(tmp_path / "clip.mp4"))
    assert index.keyframes.tolist() == [0, 10, 20, 30]


def test_variable_rate_has_times_from_the_frames(tmp_path: Path) -> None:
    ticks = [0, 1, 5, 6, 7, 20, 21, 40]
    media, index = probe(render(tmp_path / "clip.mp4", Clip(frames=8, ticks=ticks)))
    assert not media.constant_rate
    assert [index.timestamp(n).millis for n in range(8)] == [40 * tick for tick in ticks]
    assert media.frame_rate == Fraction(7, 40) * 25


def test_a_lost_frame_keeps_the_nominal_rate(tmp_path: Path) -> None:
    ticks = [n for n in range(101) if n != 50]
    media, _ = probe(render(tmp_path / "clip.mp4", Clip(frames=100, ticks=ticks, rate=Fraction(30000, 1001))))
    assert (media.frame_rate, media.constant_rate) == (Fraction(30000, 1001), False)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_time_zero_is_the_first_frame(tmp_path: Path, suffix: str) -> None:
    media, index = probe(render(tmp_path / f"clip.{suffix}", Clip(start=50)))
    assert media.start_pts * media.time_base >= 2
    assert [index.timestamp(n).millis for n in (0, 1, 39)] == [0, 40, 1560]


@pytest.mark.parametrize(("matrix", "clockwise"), [(90, 270), (-90, 90), (180, 180)])
def test_rotation_turns_size_and_aspect(tmp_path: Path, matrix: int, clockwise: int) -> None:
    media, _ = probe(render(tmp_path / "clip.mp4", Clip(rotation=matrix, aspect=Fraction(4, 3))))
    turned = clockwise != 180
    assert media.rotation == clockwise
    assert (media.width, media.height) == ((HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))
    assert media.sample_aspect_ratio == (Fraction(3, 4) if turned else Fraction(4, 3))


def test_audio_streams_are_listed(tmp_path: Path) -> None:
    (audio,) = probe(render(tmp_path / "clip.mp4", Clip(audio=True)))[0].audio
    assert (audio.codec, audio.channels, audio.sample_rate) == ("aac", 1, 8000)
    assert abs(audio.duration_ms - 1600) < 300


@pytest.mark.parametrize("name", ["clip.h264", "clip.avi"])
def test_streams_without_presentation_times_are_counted(tmp_path: Path, name: str) -> None:
    media, index = probe(render(tmp_path / name))
    assert media.counted
    assert (media.frame_count, media.frame_rate) == (40, 25)
    assert index.keyframes.tolist() == [0]
    assert index.timestamp(39).millis == 1560


def test_too_many_pixels(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4")
    with pytest.raises(MediaError, match="256x64"):
        probe(path, DecodeLimits(max_pixels=1000))


def test_too_long(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4")
    with pytest.raises(MediaError, match="hours"):
        probe(path, DecodeLimits(max_duration_s=1.5))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"hello, world\n" * 100, "supported format"),
        (b"\0\0\0\x18ftypisom" + bytes(100), "damaged or truncated"),
    ],
)
def test_files_that_are_no_videos(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=message):
        probe(path)


@pytest.mark.parametrize(
    "script", ["#EXTM3U\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {target}\n"]
)
def test_playlists_cannot_reach_other_files(tmp_path: Path, script: str) -> None:
    target = render(tmp_path / "secret.ts")
    playlist = tmp_path / "clip.mp4"
    playlist.write_text(script.format(target=target))
    with pytest.raises(MediaError, match="supported format"):
        probe(playlist)


def test_a_missing_file_is_not_the_videos_fault(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "absent.mp4")


def test_a_file_cut_off_is_analysed_up_to_the_cut(tmp_path: Path) -> None:
    whole = render(tmp_path / "whole.mkv", Clip(frames=200))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    media, index = probe(cut)
    assert 20 < media.frame_count < 180
    assert np.all(np.diff(index.pts) > 0)
    assert replace(media, size_bytes=0).frame_rate == 25
