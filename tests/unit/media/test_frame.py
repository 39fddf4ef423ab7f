"""Pixels as displayed: colours, rotation, depth, range."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.media import frame as frames
from pipeline.media.frame import DecodedFrame, Scalers, thinned
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import U8, MediaInfo, Stretch, Timestamp
from tests.support.media import Clip, render

CORNERS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (40, 40, 220), "white": (240, 240, 240)}


def quarters(_: int) -> U8:
    """(64, 128, 3) RGB: red, green / blue, white."""
    red, green, blue, white = (np.full((32, 64, 3), color, np.uint8) for color in CORNERS.values())
    return np.vstack([np.hstack([red, green]), np.hstack([blue, white])])


def corners(picture: U8) -> list[str]:
    """Names of the colours at the corners: top left, top right, bottom left, bottom right."""
    rows, columns = picture.shape[0] // 4, picture.shape[1] // 4
    places = [(rows, columns), (rows, -columns), (-rows, columns), (-rows, -columns)]
    distance = {name: np.asarray(color) for name, color in CORNERS.items()}
    return [min(distance, key=lambda name: np.abs(distance[name] - picture[place]).sum()) for place in places]


def first_frame(path: Path) -> tuple[MediaInfo, DecodedFrame]:
    media, index = probe(path)
    return media, next(iter(read(path, media, index, Stretch(0, 1))))


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (0, ["red", "green", "blue", "white"]),
        (-90, ["blue", "red", "white", "green"]),
        (180, ["white", "blue", "green", "red"]),
        (90, ["green", "white", "red", "blue"]),
    ],
)
def test_rotated_pictures_stand_upright(tmp_path: Path, matrix: int, expected: list[str]) -> None:
    media, frame = first_frame(render(tmp_path / "clip.mp4", Clip(frames=2, rotation=matrix, paint=quarters)))
    picture = frame.rgb(60, 40)
    assert picture.shape == (40, 60, 3)
    assert picture.flags.c_contiguous
    assert corners(picture) == expected
    assert (frame.width, frame.height) == (media.width, media.height)
    assert frame.luma().shape == (64, 128)


def test_aspect_is_what_a_viewer_sees(tmp_path: Path) -> None:
    clip = Clip(frames=2, rotation=90, aspect=Fraction(4, 3), paint=quarters)
    assert first_frame(render(tmp_path / "clip.mp4", clip))[1].aspect == pytest.approx(64 * 3 / (128 * 4))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_luma_is_eight_bits_in_range(tmp_path: Path, pixel_format: str) -> None:
    clip = Clip(frames=2, pixel_format=pixel_format, paint=lambda n: np.full((64, 128, 3), 255, np.uint8))
    _, frame = first_frame(render(tmp_path / "clip.mp4", clip))
    assert frame.color_range == "LIMITED"
    assert frame.luma().dtype == np.uint8
    assert np.abs(frame.luma().astype(int) - 235).max() <= 1
    assert frame.rgb(10, 10).min() >= 253


def test_full_range_is_reported(tmp_path: Path) -> None:
    clip = Clip(
        frames=2,
        codec="mjpeg",
        options={},
        pixel_format="yuvj420p",
        paint=lambda n: np.full((64, 128, 3), 255, np.uint8),
    )
    media, frame = first_frame(render(tmp_path / "clip.mkv", clip))
    assert media.color_range == frame.color_range == "FULL"
    assert frame.luma().min() >= 254


def made(picture: av.VideoFrame) -> DecodedFrame:
    size = (picture.width, picture.height)
    media = MediaInfo(
        "rawvideo", "AVI", *size, 0, Fraction(1), Fraction(25), True, 1, 40, "LIMITED", Fraction(1, 25), 0, 0, (), 1
    )  # fmt: skip
    return DecodedFrame(picture, media, Scalers(), 0, Timestamp(0, Fraction(1, 25)))


@pytest.mark.parametrize(
    "pixel_format", ["rgb24", "gbrp", "nv12", "p010le", "yuyv422", "gray", "yuv420p", "yuva420p", "ya8"]
)
def test_every_layout_has_luma_and_colour(pixel_format: str) -> None:
    gray = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), "rgb24")
    frame = made(gray.reformat(format=pixel_format))
    expected = 128 if frame.color_range == "FULL" else 126
    assert frame.luma().shape == (48, 64)
    assert np.abs(frame.luma().astype(int) - expected).max() <= 1
    assert np.abs(frame.rgb(32, 24).astype(int) - 128).max() <= 3


def test_a_plane_of_eight_bits_is_not_copied() -> None:
    frame = made(av.VideoFrame(64, 48, "yuv420p"))
    assert not frame.luma().flags.owndata


@pytest.mark.parametrize(("width", "matrix"), [(64, 5), (1280, 1)])
def test_untagged_colour_is_601_when_small_and_709_when_large(width: int, matrix: int) -> None:
    red = av.VideoFrame(width, 720 * width // 1280, "yuv420p")
    for plane, value in zip(red.planes, (81, 90, 240) if matrix == 5 else (63, 102, 240), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    assert np.abs(made(red).rgb(16, 16).astype(int) - (255, 0, 0)).max() <= 3


def noisy(layout: str, width: int, height: int) -> av.VideoFrame:
    """A picture with a slope from top to bottom and noise in every plane."""
    picture, chance = av.VideoFrame(width, height, layout), np.random.default_rng(1)
    for plane in picture.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        rows[:] = np.linspace(110, 140, plane.height)[:, None] + chance.integers(-9, 10, rows.shape)
    return picture


@pytest.mark.parametrize("layout", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "gray"])
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1919, 1079)])
def test_thumbnails_of_large_pictures_need_not_all_of_their_rows(
    layout: str, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noisy(layout, width, height)
    assert thinned(picture, 27).height == height // 3
    thumbnail = Scalers().scale(picture, 48, 27, "rgb24").to_ndarray().astype(int)
    monkeypatch.setattr(frames, "thinned", lambda whole, _: whole)
    difference = np.abs(thumbnail - Scalers().scale(picture, 48, 27, "rgb24").to_ndarray())
    assert difference.mean() < 1
    assert difference.max() <= 8


@pytest.mark.parametrize(
    ("layout", "height", "target"), [("yuv420p", 647, 27), ("yuv420p", 720, 224), ("rgb24", 720, 27)]
)
def test_other_pictures_keep_all_rows(layout: str, height: int, target: int) -> None:
    picture = av.VideoFrame(64, height, layout)
    assert thinned(picture, target) is picture


def test_thumbnails_show_both_fields_of_interlaced_pictures() -> None:
    picture = av.VideoFrame(96, 1080, "gray")
    rows = np.frombuffer(memoryview(picture.planes[0]), np.uint8).reshape(1080, -1)
    rows[::2], rows[1::2] = 0, 200
    assert np.abs(Scalers().scale(picture, 48, 27, "gray").to_ndarray().astype(int) - 100).max() <= 30


def test_pictures_that_are_stored_upside_down_stand_upright_in_every_size(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    upside_down(path, 1280, 720)
    media, index = probe(path)
    for frame in read(path, media, index, Stretch(0, 3)):
        for picture in (frame.rgb(640, 360), frame.rgb(48, 27)):
            assert picture[1, 2].max() < 30
            assert picture[-2, 2].min() > 225
        luma = frame.luma()
        assert luma.shape == (720, 1280)
        assert (luma[10, 10] < 30, luma[-10, 10] > 225) == (True, True)


def upside_down(path: Path, width: int, height: int) -> None:
    """A clip as one old Windows codec wrote them: JPEGs that begin with their last row, black below and white above as stored."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuvj420p", Fraction(1, 25)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2] = 255
    comment = b"Metasoft MJPEG Codec\0"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuvj420p"
        for number in range(3):
            picture = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuvj420p")
            picture.pts = number
            for encoded in encoder.encode(picture):
                content = bytes(encoded)
                marker = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
                packet = av.Packet(content[:2] + marker + content[2:])
                packet.pts = packet.dts = number
                packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
                out.mux(packet)
