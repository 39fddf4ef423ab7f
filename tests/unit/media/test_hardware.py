"""Decoding on a GPU is asked for by a setting: it happens there, or an error says why not."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.codec.hwaccel import HWAccel
from structlog.testing import capture_logs

from pipeline.conduct.limits import decode_limits
from pipeline.errors import SetupError
from pipeline.media import decoder, hardware
from pipeline.media.decoder import Decoder, Doubt
from pipeline.media.hardware import (
    PICTURE,
    accelerator,
    is_its_fault,
    knows,
    require,
    require_anew,
    tell_careful,
    tell_refused,
)
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.tally import Tally
from pipeline.media.types import I64, Stretch
from pipeline.settings import Settings, settings_of
from tests.support.media import Clip, number_shown, render

READS = """
import sys
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch
media, index = probe(sys.argv[1])
print(len(list(read(sys.argv[1], media, index, Stretch(0, 5), None, DecodeLimits(device=sys.argv[2])))))
"""


def has_gpu() -> bool:
    try:
        require("cuda")
    except SetupError:
        return False
    return True


def read_without_gpu(path: Path, device: str) -> subprocess.CompletedProcess[str]:
    """What a process says that sees no GPU, wherever it runs."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-c", READS, str(path), device]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_gpu_that_is_not_there_is_an_error_and_not_replaced(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4")
    assert read_without_gpu(path, "cpu").stdout == "5\n"
    asked = read_without_gpu(path, "cuda")
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "SetupError: FFmpeg cannot decode on cuda here" in asked.stderr
    assert "REELSIGHT_DECODE_DEVICE" in asked.stderr


def test_the_picture_that_is_tried_is_a_whole_one() -> None:
    (picture,) = (codec := av.CodecContext.create("h264", "r")).decode(av.Packet(PICTURE)) + codec.decode(None)
    assert (picture.width, picture.height, picture.key_frame, picture.is_corrupt) == (256, 256, True, False)
    assert np.all(picture.to_ndarray()[:256] == 64)


@pytest.mark.parametrize("picture", [PICTURE, PICTURE[:32]])
def test_a_device_without_a_decoder_is_an_error_too(picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose driver was given for computing only: FFmpeg finds the device, then decodes on the CPU for good."""
    monkeypatch.setattr(hardware, "_made", lambda _: None)
    monkeypatch.setattr(hardware, "PICTURE", picture)
    with pytest.raises(
        SetupError, match=r"cannot decode on cuda here .*NVIDIA_DRIVER_CAPABILITIES lists video.* to cpu"
    ):
        require_anew("cuda")


@pytest.mark.skipif(not has_gpu(), reason="there is no NVIDIA GPU")
def test_frames_of_a_gpu_are_the_same_ones(tmp_path: Path) -> None:
    path = render(tmp_path / "clip.mp4", Clip(options={"g": "10", "bf": "2", "preset": "veryfast"}))
    media, index = probe(path)
    for wanted in (None, index.keyframes, index.keyframes + 7):
        frames = read(path, media, index, Stretch(0, 40), wanted, DecodeLimits(device="cuda"))
        numbers = range(40) if wanted is None else wanted.tolist()
        assert [(frame.index, number_shown(frame.luma())) for frame in frames] == [(n, n) for n in numbers]


@pytest.fixture
def without_device(monkeypatch: pytest.MonkeyPatch) -> DecodeLimits:
    """Limits that ask for a GPU, and a decoder that FFmpeg leaves on the CPU, as where the GPU takes no such video."""
    monkeypatch.setattr(decoder, "accelerator", lambda *_: None)
    return DecodeLimits(device="cuda")


def numbers(path: Path, limits: DecodeLimits, wanted: I64 | None = None) -> list[int]:
    media, index = probe(path)
    return [frame.index for frame in read(path, media, index, Stretch(0, len(index.pts)), wanted, limits)]


@pytest.mark.skipif(has_gpu(), reason="there is a GPU")
def test_a_device_that_has_gone_since_is_not_taken_for_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = render(tmp_path / "clip.mp4")
    monkeypatch.setattr(decoder, "accelerator", lambda *_: HWAccel("cuda"))
    with pytest.raises(SetupError, match="cannot decode on cuda here"):
        numbers(path, DecodeLimits(device="cuda"))


def test_what_the_device_failed_on_the_cpu_decodes_and_the_log_says_so(
    tmp_path: Path, without_device: DecodeLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = damaged(render(tmp_path / "clip.mp4"))
    expected = numbers(path, DecodeLimits())
    assert 20 < len(expected) < 40
    faults = iter([True])  # the first error is one of the device; then there is none
    monkeypatch.setattr(decoder, "is_its_fault", lambda *_: next(faults, False))
    with capture_logs() as logs:
        assert numbers(path, without_device) == expected
    assert [(line["event"], line["device"], line["codec"], line["reason"].split(":")[0]) for line in logs] == [
        ("decoded_on_cpu", "cuda", "h264", "cuda failed"),
        ("decoded_on_cpu", "cuda", "h264", "frames are still missing, or the file's times are of no use"),
    ]


def test_whoever_opens_a_file_again_has_told_why(tmp_path: Path, without_device: DecodeLimits) -> None:
    path = render(tmp_path / "clip.mp4")
    media, index = probe(path)
    with capture_logs() as logs:
        opened = Decoder(path, media, index, np.arange(40), without_device, lambda: None, Tally(), decoder.Care.NEAR)
        opened._open()
        opened.close()
    assert len(logs) == 1


@pytest.mark.parametrize(("pixels", "raised"), [("cuda", Doubt), ("yuv420p", MemoryError)])
def test_memory_that_the_device_lacks_is_not_the_process_s(
    pixels: str, raised: type[Exception], tmp_path: Path, without_device: DecodeLimits
) -> None:
    """NVDEC without a free surface calls that a lack of memory; the CPU decodes then. What the CPU lacks ends the run."""

    def decode(_: object) -> None:
        raise av.error.MemoryError(12, "Cannot allocate memory")

    path = render(tmp_path / "clip.mp4", Clip(frames=3))
    media, index = probe(path)
    opened = Decoder(path, media, index, np.arange(3), without_device, lambda: None, Tally())
    opened._codec = SimpleNamespace(decode=decode, is_hwaccel=True, pix_fmt=pixels, name="h264", profile="High")
    with capture_logs() as logs, pytest.raises(raised):
        opened._decoded(None)
    opened.close()
    assert [line["reason"] for line in logs] == (["cuda failed: Cannot allocate memory"] if pixels == "cuda" else [])


def damaged(path: Path) -> Path:
    """The clip without the bytes of a picture in its middle."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][20]
        assert packet.pos is not None
    raw = bytearray(path.read_bytes())
    raw[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path.write_bytes(raw)
    return path


def test_a_kind_of_video_that_the_device_does_not_take_is_named() -> None:
    taken = SimpleNamespace(is_hwaccel=True, pix_fmt="cuda", name="h264", profile="High")
    refused = SimpleNamespace(is_hwaccel=True, pix_fmt="yuv420p10le", name="h264", profile="High 10")
    on_cpu = SimpleNamespace(is_hwaccel=False, pix_fmt="yuv420p", name="h264", profile="High")
    with capture_logs() as logs:
        tell_refused("cuda", taken)
        tell_refused("cpu", on_cpu)
        assert logs == []
        tell_refused("cuda", refused)
    said = {"device": "cuda", "codec": "h264", "profile": "High 10", "pixels": "yuv420p10le"}
    assert said.items() <= logs[0].items()
    assert logs[0]["event"] == "decoded_on_cpu"


def test_what_codecs_tell_of_themselves_is_what_the_log_says(tmp_path: Path) -> None:
    path = render(tmp_path / "ten.mp4", Clip(frames=3, pixel_format="yuv420p10le"))
    with av.open(str(path)) as container, capture_logs() as logs:
        codec = container.streams.video[0].codec_context
        tell_careful("cuda", codec)
    assert (logs[0]["codec"], logs[0]["profile"], logs[0]["pixels"]) == ("h264", "High 10", "yuv420p10le")


@pytest.mark.parametrize(
    ("asked", "pixels", "error", "its_fault"),
    [
        (True, "cuda", av.error.ExternalError, True),
        (True, "cuda", av.error.MemoryError, True),
        (True, "yuv420p10le", av.error.MemoryError, False),
        (False, "yuv420p", av.error.ExternalError, False),
        (True, "cuda", av.error.InvalidDataError, False),
        (True, "cuda", av.error.ExitError, False),
    ],
)
def test_damage_of_a_file_is_not_the_device_s_fault(
    asked: bool, pixels: str, error: type[av.FFmpegError], its_fault: bool
) -> None:
    codec = SimpleNamespace(is_hwaccel=asked, pix_fmt=pixels)
    assert is_its_fault("cuda", codec, error(0, "")) == its_fault


def test_whoever_looks_long_at_a_picture_does_not_stall_the_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = render(tmp_path / "clip.mp4"), [0.0]
    monkeypatch.setattr(decoder, "monotonic", lambda: now[0])
    media, index = probe(path)
    wanted, found = np.arange(0, 40, 4), []
    for frame in read(path, media, index, Stretch(0, 40), wanted, DecodeLimits(stall_s=60)):
        found.append(frame.index)
        now[0] += 100
    assert found == wanted.tolist()


def test_the_cpu_is_the_default_and_needs_nothing() -> None:
    assert decode_limits(Settings()).device == "cpu"
    assert accelerator("cpu", "h264") is None
    require("cpu")


def test_the_setting_reaches_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_DECODE_DEVICE", "cuda")
    assert decode_limits(Settings()).device == "cuda"


def test_an_unknown_device_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELSIGHT_DECODE_DEVICE", "gpu")
    with pytest.raises(SetupError, match=r"REELSIGHT_DECODE_DEVICE: .*'cpu' or 'cuda'"):
        settings_of(None)


def test_which_codecs_a_gpu_knows() -> None:
    assert all(knows("cuda", codec) for codec in ("h264", "hevc", "vp9", "mpeg2video"))
    assert not any(knows("cuda", codec) for codec in ("gif", "theora", "no such codec"))
