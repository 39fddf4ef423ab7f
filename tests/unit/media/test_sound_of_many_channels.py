"""Sound of eight and more channels, as films in surround have it: PyAV itself looks for planes behind the last one, and dies of it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.media.audio import heard
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe

RATE = 48000


def clip(path: Path, codec: str, layout: str, channels: int, options: dict[str, str]) -> Path:
    """One second of pictures, with one sound per channel, each as loud as its number says."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=RATE, layout=layout, options=options)
        wave = np.sin(np.arange(RATE // 25) / 20)
        samples = np.stack([wave * 1000 * (number + 1) for number in range(channels)], 1).astype(np.int16)
        for tick in range(25):
            shown = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), "rgb24")
            shown.pts, shown.time_base = tick, Fraction(1, 25)
            container.mux(video.encode(shown))
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", layout)
            frame.sample_rate, frame.pts, frame.time_base = RATE, tick * RATE // 25, Fraction(1, RATE)
            container.mux(sound.encode(frame))
        for stream in (video, sound):
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "codec", "layout", "channels", "options"),
    [
        ("surround.mp4", "aac", "7.1", 8, {}),
        ("many.mkv", "libopus", "hexadecagonal", 16, {"mapping_family": "255"}),
        ("most.mkv", "libopus", "80 channels", 80, {"mapping_family": "255"}),
    ],
)
def test_every_channel_is_heard(
    tmp_path: Path, name: str, codec: str, layout: str, channels: int, options: dict[str, str]
) -> None:
    path = clip(tmp_path / name, codec, layout, channels, options)
    media, index = probe(path)
    found = [one.values for one in heard(path, media, index, Fraction(0), Fraction(1), DecodeLimits())]
    values = np.concatenate(found, 1)[:, RATE // 10 : RATE // 2]
    assert values.shape[0] == channels
    if channels <= 64:  # more than FFmpeg's resampler takes are silent
        loud = values.std(1) if codec != "aac" else np.sort(values.std(1))
        front = loud[: min(channels, 8)]
        assert front == pytest.approx(np.sort(front), rel=0.2)
        assert loud.max() > 3 * loud.min()
