"""Pictures of every kind become upright frames; files that are not pictures, or not whole, are refused at little cost."""

import struct
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import MediaError
from pipeline.media.picture import orientation_of, picture_head
from pipeline.media.still import Still, decode
from tests.support.pictures import corners, flat_jpeg, jpeg, png, with_exif

LIMIT = 10_000 * 10_000
WIDTH, HEIGHT = 96, 64
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: p.transpose(1, 0, 2)[:, ::-1],
    7: lambda p: p.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda p: p.transpose(1, 0, 2)[::-1],
}
"""Exif orientation -> how a viewer sees what is stored. Source: CIPA DC-008-2019, table 6 (row 0 and column 0 on which side)."""


def stored() -> np.ndarray:
    """Four quarters: red, green, blue, white."""
    return corners(WIDTH, HEIGHT, RED, GREEN, BLUE, WHITE)


def whole(still: Still) -> np.ndarray:
    return still.rgb(still.width, still.height).astype(int)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("encode", [jpeg, png])
def test_pictures_stand_upright(encode: Callable[[np.ndarray], bytes], orientation: int) -> None:
    still = decode(with_exif(encode(stored()), orientation), LIMIT)
    seen = TURNS[orientation](stored())
    assert (still.height, still.width) == seen.shape[:2]
    assert still.aspect == seen.shape[1] / seen.shape[0]
    assert np.abs(whole(still) - seen).mean() < 4
    smaller = still.rgb(still.width // 2, still.height // 2)
    assert np.abs(smaller.astype(int) - seen[::2, ::2]).mean() < 6
    assert smaller is still.rgb(still.width // 2, still.height // 2)
    assert (still.index, still.timestamp.millis, still.color_range) == (0, 0, "FULL")
    assert still.luma().shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("exif", [b"", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 9])
def test_damaged_exif_turns_nothing(exif: bytes) -> None:
    assert orientation_of(exif) == 1


@pytest.mark.parametrize(
    ("pixel_format", "tolerance"),
    [("rgb24", 0), ("rgba", 0), ("rgb48be", 1), ("rgba64be", 1), ("pal8", 0)],
)
def test_pngs_of_all_depths(pixel_format: str, tolerance: int) -> None:
    still = decode(png(stored(), pixel_format), LIMIT)
    assert np.abs(whole(still) - stored()).max() <= tolerance


@pytest.mark.parametrize("pixel_format", ["gray", "gray16be", "ya8", "monob"])
def test_grey_pngs(pixel_format: str) -> None:
    pixels = corners(WIDTH, HEIGHT, (0, 0, 0), WHITE, WHITE, (0, 0, 0))
    assert np.abs(whole(decode(png(pixels, pixel_format), LIMIT)) - pixels).max() <= 1


@pytest.mark.parametrize("pixel_format", ["yuvj420p", "yuvj422p", "yuvj444p"])
def test_jpegs_of_all_samplings(pixel_format: str) -> None:
    pixels = corners(WIDTH, HEIGHT, (40, 40, 40), (90, 90, 90), (160, 160, 160), (220, 220, 220))
    assert np.abs(whole(decode(jpeg(pixels, pixel_format), LIMIT)) - pixels).max() <= 4


@pytest.mark.parametrize(
    ("samples", "seen"),
    [
        ((0,), (0, 0, 0)),
        ((200,), (200, 200, 200)),
        ((255,) * 4, WHITE),
        ((255, 0, 0, 255), RED),
        ((255, 255, 255, 0), (0, 0, 0)),
    ],
)
def test_jpegs_of_grey_and_of_ink(samples: tuple[int, ...], seen: tuple[int, int, int]) -> None:
    still = decode(flat_jpeg(WIDTH, HEIGHT, *samples), LIMIT)
    assert np.abs(whole(still) - seen).max() <= 1


def test_what_is_transparent_lies_over_white() -> None:
    rgba = np.dstack([stored(), np.full((HEIGHT, WIDTH), 255, np.uint8)])
    rgba[:, : WIDTH // 2, 3] = 0
    rgba[HEIGHT // 2 :, WIDTH // 2 :, :] = (0, 0, 0, 128)
    pixels = whole(decode(png(rgba, "rgba", given="rgba"), LIMIT))
    assert (pixels[:, : WIDTH // 2] == 255).all()
    assert (pixels[: HEIGHT // 2, WIDTH // 2 :] == GREEN).all()
    assert (pixels[HEIGHT // 2 :, WIDTH // 2 :] == 127).all()


@pytest.mark.parametrize("encode", [jpeg, png])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
def test_truncated_files_are_refused(encode: Callable[[np.ndarray], bytes], share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    content = encode(noise)
    with pytest.raises(MediaError):
        decode(content[: int(len(content) * share)], LIMIT)


def test_a_thumbnail_does_not_stand_in_for_a_missing_picture() -> None:
    inner, outer = jpeg(stored()), jpeg(np.zeros((200, 300, 3), np.uint8))
    segment = b"Exif\0\0" + b"MM\0*\0\0\0\x08\0\0" + inner
    content = outer[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment
    with pytest.raises(MediaError):
        decode(content, LIMIT)
    assert decode(content + outer[2:], LIMIT).width == 300


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a" + b"\0" * 99, b"RIFF\0\0\0\0WEBPVP8 ", b"BM" * 99]
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(MediaError):
        decode(content, LIMIT)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"GIF89a" + b"\0" * 9, "a GIF"),
        (b"RIFF\x1a\0\0\0WEBPVP8L", "a WebP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1", "a HEIF"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1", "an AVIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG, HTML or XML"),
        (b"<!doctype html>" + jpeg(stored()), "an SVG, HTML or XML"),
        (b"%PDF-1.7", "a PDF"),
        (b"\0" * 100, "neither a JPEG nor a PNG"),
        (b"", "neither a JPEG nor a PNG"),
        (b"\0" + jpeg(stored()), "neither a JPEG nor a PNG"),
    ],
)
def test_other_files_are_called_by_their_names(content: bytes, kind: str) -> None:
    with pytest.raises(MediaError, match=f"^it is {kind} file; only JPEG and PNG are read$"):
        picture_head(content)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(10_000_000))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    began = time.process_time()
    with pytest.raises(MediaError, match="60000 x 60000"):
        decode(content, LIMIT)
    assert time.process_time() - began < 0.5


def test_a_picture_of_just_the_limit_is_decoded() -> None:
    for content in (flat_jpeg(1001, 999, 7), png(np.zeros((999, 1001, 3), np.uint8), "rgba")):
        assert decode(content, 1001 * 999).width == 1001
        with pytest.raises(MediaError, match="1001 x 999"):
            decode(content, 1001 * 999 - 1)


def test_a_second_head_cannot_smuggle_a_larger_picture_in() -> None:
    small, large = jpeg(stored()), jpeg(np.zeros((400, 600, 3), np.uint8))
    size = small.index(b"\xff\xc0")
    segment = small[size : size + 2 + int.from_bytes(small[size + 2 : size + 4], "big")]
    with pytest.raises(MediaError):
        decode(large[:2] + segment + large[2:], LIMIT)


def test_heads_of_endless_segments_end() -> None:
    began = time.process_time()
    with pytest.raises(MediaError):
        picture_head(b"\xff\xd8" + b"\xff\xfe\0\2" * 3_000_000)
    assert time.process_time() - began < 0.5


@given(st.data())
def test_no_damage_escapes_as_another_error(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from([JPEG, PNG])))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        still = decode(bytes(content), 1_000_000)
    except MediaError:
        return
    assert still.rgb(32, 32).shape == (32, 32, 3)


JPEG, PNG = jpeg(stored()), png(stored())
