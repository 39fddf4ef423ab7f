"""How loud it is is known for every frame, wherever the video is cut."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.detect.sound import FLOOR_DBFS, Meter, SoundLevels
from pipeline.media import audio
from pipeline.media.audio import Samples
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.types import F32, AudioInfo, Stretch
from tests.support.media import Clip, render
from tests.support.patterns import RATE, with_sound

F64 = NDArray[np.float64]


def beep(times: F64, begin: float = 1.0, end: float = 2.0) -> F64:
    """A tone of 1 kHz and -20 dBFS."""
    return np.where((times >= begin) & (times < end), 0.1 * np.sqrt(2) * np.sin(2000 * np.pi * times), 0)


def levels(path: Path, *cuts: int) -> F32:
    media, index = probe(path)
    edges = [0, *cuts, media.frame_count]
    found = [
        answer
        for start, stop in pairwise(edges)
        for answer in SoundLevels().listen(path, media, index, Stretch(start, stop), DecodeLimits(), lambda: None)
    ]
    assert [frame for frame, _ in found] == list(range(media.frame_count))
    return np.array([values.values for _, values in found])


@pytest.mark.parametrize(
    ("name", "codec", "smear"),
    [
        ("a.mov", "pcm_s16le", 0),
        ("a.mkv", "pcm_f32le", 1),
        ("a.avi", "pcm_u8", 0),
        ("a.mp4", "aac", 4),
        ("a.ts", "ac3", 4),
    ],
)
def test_a_tone_sounds_in_the_frames_it_is_heard_with(tmp_path: Path, name: str, codec: str, smear: int) -> None:
    path = tmp_path / name
    found = levels(with_sound(path, beep, codec=codec))[:, 0]
    assert np.allclose(found[25 + smear : 50 - smear], -20, atol=0.7)
    assert (found[: 25 - smear] < -50).all()
    assert (found[50 + smear :] < -50).all()


def test_sound_that_begins_late_or_ends_early_is_silent_there(tmp_path: Path) -> None:
    found = levels(with_sound(tmp_path / "a.mkv", lambda t: beep(t, 0, 9), codec="pcm_s16le", late_s=1, seconds=3))[
        :, 0
    ]
    assert (found[:25] == FLOOR_DBFS).all()
    assert np.allclose(found[25:75], -20, atol=0.5)
    assert (found[75:] == FLOOR_DBFS).all()


def test_sound_may_go_on_behind_the_pictures(tmp_path: Path) -> None:
    found = levels(with_sound(tmp_path / "a.mkv", lambda t: beep(t, 4.5, 6), codec="pcm_s16le", seconds=6))
    assert (found == FLOOR_DBFS).all()


def test_frames_of_varying_length_get_their_own_sound(tmp_path: Path) -> None:
    ticks = (0, 5, 20, 25, 26, 27, 45, 50, 90)
    found = levels(with_sound(tmp_path / "a.mkv", beep, codec="pcm_s16le", ticks=ticks))[:, 0]
    assert (found > -40).tolist() == [25 <= tick < 50 for tick in ticks]


def test_a_video_without_sound_is_silent(tmp_path: Path) -> None:
    assert (levels(render(tmp_path / "a.mp4", Clip(frames=10))) == FLOOR_DBFS).all()


def test_sound_that_only_the_probe_has_seen_is_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "BLOCK_S", 1)
    path = render(tmp_path / "a.mp4", Clip(frames=75))
    media, index = probe(path)
    probed = replace(media, audio=(AudioInfo("aac", 2, RATE, 3000),))
    found = [
        values for _, values in SoundLevels().listen(path, probed, index, Stretch(0, 75), DecodeLimits(), lambda: None)
    ]
    assert len(found) == 75
    assert all((each.values == FLOOR_DBFS).all() for each in found)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "aac"), ("a.ts", "ac3"), ("a.mkv", "libopus"), ("a.mov", "pcm_s16le")]
)
def test_cuts_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, codec: str) -> None:
    monkeypatch.setattr(audio, "BLOCK_S", 1)
    rng = np.random.default_rng(5)
    path = with_sound(tmp_path / name, lambda t: rng.normal(0, 0.1, len(t)) * (t % 2 < 1.3), codec=codec)
    whole = levels(path)
    assert (whole[:, 0] > -30).sum() > 50
    for cuts in ((50,), (1, 2, 24, 25, 26, 99), tuple(range(7, 100, 7))):
        assert np.array_equal(levels(path, *cuts), whole)


def test_the_loudest_stream_counts_and_channels_add_up() -> None:
    meter = Meter(np.array([0.0, 1.0, 2.0]))
    tone = np.full((1, RATE), 0.1, np.float32)
    meter.add(Samples(0, Fraction(0), RATE, tone))
    meter.add(Samples(1, Fraction(0), RATE, np.concatenate([tone, tone])))
    meter.add(Samples(0, Fraction(1), RATE, tone / 10))
    np.testing.assert_allclose(meter.levels(), [[-20 + 10 * np.log10(2), -20], [-40, -40]], atol=1e-4)


def test_damage_in_the_sound_is_silence(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "a.ts", lambda t: beep(t, 0, 4), codec="ac3")
    raw = bytearray(path.read_bytes())
    _, index = probe(path)
    for start in range(len(raw) // 3, len(raw) // 2, 188):
        raw[start + 4 : start + 188] = bytes(184)
    path.write_bytes(raw)
    media, index = probe(path)
    found = [
        v.values[0]
        for _, v in SoundLevels().listen(path, media, index, Stretch(0, len(index.pts)), DecodeLimits(), lambda: None)
    ]
    assert len(found) == len(index.pts)
    assert max(found) == pytest.approx(-20, abs=2)
