"""Files that are larger inside than outside, and files with more in them than a picture: bombs cost nothing, the rest is decoded."""

import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.errors import MediaError
from pipeline.media.pixels import MOST_PARTS, MOST_SCANNED, jpeg_pixels, png_pixels
from pipeline.media.still import decode
from tests.support.pictures import corners, flat_jpeg, jpeg, png, with_exif

LIMIT = 10_000 * 10_000
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ZEROS = bytes(100_000_000)


def stored() -> np.ndarray:
    return corners(96, 64, RED, GREEN, BLUE, WHITE)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def png_of(width: int, height: int, rows: bytes, *more: bytes, depth: int = 8, kind: int = 2) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"".join([SIGNATURE, head, *more, chunk(b"IDAT", rows), chunk(b"IEND", b"")])


def before_pixels(content: bytes, *more: bytes) -> bytes:
    """The JPEG or PNG file with more segments or chunks in its head."""
    place = 2 if content.startswith(b"\xff") else 33
    return content[:place] + b"".join(more) + content[place:]


def before_head(content: bytes, *more: bytes) -> bytes:
    """The PNG file with chunks before the one that says how large it is."""
    return b"".join([SIGNATURE, *more, content[len(SIGNATURE) :]])


def sized(content: bytes, width: int, height: int) -> bytes:
    """The JPEG file of 8 x 8 pixels with other sides in its head."""
    return content.replace(struct.pack(">HH", 8, 8), struct.pack(">HH", height, width), 1)


def seen(content: bytes) -> np.ndarray:
    still = decode(content, LIMIT)
    return still.rgb(still.width, still.height).astype(int)


PLAIN_JPEG, PLAIN_PNG = jpeg(stored()), png(stored())
NOISE = np.random.default_rng(0).integers(0, 256, 65_000, np.uint8).tobytes()
MORE: dict[str, bytes] = {
    "a colour profile": before_pixels(PLAIN_JPEG, *[segment(0xE2, b"ICC_PROFILE\0" + NOISE) for _ in range(200)]),
    "the largest Exif": before_pixels(PLAIN_JPEG, segment(0xE1, (b"Exif\0\0MM\0*\0\0\0\x08" + NOISE)[:65_533])),
    "a comment in HTML": before_pixels(PLAIN_JPEG, segment(0xFE, b"<html><script>alert(1)</script>")),
    "markers in segments of no use": before_pixels(PLAIN_JPEG, segment(0xF0, b"\xff\xda\0\x08\xff\xd9" * 9)),
    "endless filling": before_pixels(PLAIN_JPEG, b"\xff" * 1_000_000),
    "a picture after it (MPO)": before_pixels(PLAIN_JPEG, segment(0xE2, b"MPF\0")) + jpeg(stored()[::-1]),
    "a video after it": PLAIN_JPEG + NOISE * 50,
    "an archive after it": PLAIN_PNG + b"PK\3\4" + NOISE,
    "an animation (APNG)": before_pixels(
        PLAIN_PNG, chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", bytes(26)), chunk(b"fdAT", NOISE)
    ),
    "compressed texts": before_pixels(PLAIN_PNG, *[chunk(b"zTXt", b"a\0\0" + zlib.compress(ZEROS, 9))] * 50),
    "a colour profile of 100 MB": before_pixels(PLAIN_PNG, chunk(b"iCCP", b"a\0\0" + zlib.compress(ZEROS, 9))),
    "thousands of texts": before_pixels(PLAIN_PNG, *[chunk(b"tEXt", b"a\0b")] * 9_000),
    "a damaged text": before_pixels(PLAIN_PNG, chunk(b"tEXt", b"a\0b")[:-4] + b"\0\0\0\0"),
    "nothing after its rows": PLAIN_PNG[:-12],
}


@pytest.mark.parametrize("name", MORE)
def test_what_else_is_in_a_file_does_not_reach_the_decoder(name: str) -> None:
    plain = PLAIN_PNG if MORE[name].startswith(SIGNATURE) else PLAIN_JPEG
    cut = png_pixels(MORE[name]) if plain is PLAIN_PNG else jpeg_pixels(MORE[name], 96 * 64)
    assert len(cut) <= len(plain)
    assert (seen(MORE[name]) == seen(plain)).all()


@pytest.mark.parametrize(
    "encoded",
    [
        PLAIN_JPEG,
        flat_jpeg(96, 64, 7),
        flat_jpeg(96, 64, 9, 8, 7, 255),
        flat_jpeg(96, 64, 7, scans=9),
        jpeg(stored(), "yuvj420p"),
    ],
)
def test_nothing_that_makes_pixels_is_cut(encoded: bytes) -> None:
    cut = jpeg_pixels(encoded, 96 * 64)
    assert cut.endswith(b"\xff\xd9")
    assert jpeg_pixels(cut, 96 * 64) == cut
    assert (seen(cut) == seen(encoded)).all()
    assert png_pixels(PLAIN_PNG).count(b"IDAT") == PLAIN_PNG.count(b"IDAT")


def test_transparency_of_palettes_and_of_one_colour_is_kept() -> None:
    bars = np.tile(np.repeat([0, 1], 50).astype(np.uint8), (100, 1))
    rows = zlib.compress(np.pad(bars, ((0, 0), (1, 0))).tobytes())
    colours = chunk(b"PLTE", bytes(RED) + bytes(BLUE))
    pixels = seen(png_of(100, 100, rows, colours, chunk(b"tRNS", b"\0\xff"), kind=3))
    assert (pixels[:, :50] == WHITE).all()
    assert (pixels[:, 50:] == BLUE).all()
    grey = seen(png_of(100, 100, rows, chunk(b"tRNS", b"\0\1"), kind=0))
    assert (grey[:, :50] == 0).all()
    assert (grey[:, 50:] == 255).all()


def test_progressive_files_are_decoded() -> None:
    assert np.abs(seen(flat_jpeg(160, 96, 200, progressive=True)) - 200).max() <= 1
    assert np.abs(seen(flat_jpeg(160, 96, 255, 0, 0, 255, progressive=True)) - RED).max() <= 1


def unfolding(times: int) -> bytes:
    """A stream that unfolds to so many times 10 MB."""
    packing = zlib.compressobj(9)
    head = packing.compress(b"\0") + packing.flush(zlib.Z_FULL_FLUSH)
    block = packing.compress(ZEROS[:10_000_000]) + packing.flush(zlib.Z_FULL_FLUSH)
    return head + block * times


BOMBS: dict[str, Callable[[], bytes]] = {
    "65535 x 65535": lambda: sized(flat_jpeg(8, 8, 7), 65_535, 65_535),
    "2147483647 x 2147483647": lambda: png_of(2**31 - 1, 2**31 - 1, b""),
    "more rows": lambda: png_of(300, 200, unfolding(150)),
    "more rows than the picture": lambda: before_head(
        png_of(300, 200, unfolding(150)), chunk(b"tEXt", struct.pack(">IIBB", 2**31 - 1, 2**31 - 1, 8, 6))
    ),
    "more scans": lambda: sized(flat_jpeg(8, 8, 7, scans=MOST_SCANNED // 8000**2 + 1, progressive=True), 8000, 8000),
    "scans or tables": lambda: before_pixels(PLAIN_JPEG, segment(0xC4, bytes(65_000)) * 5),
    "does not say": lambda: before_pixels(PLAIN_JPEG, segment(0xDB, b"\0" + b"\1" * 64) * (MOST_PARTS + 1)),
    "several sizes": lambda: before_pixels(
        PLAIN_JPEG, segment(0xC2, struct.pack(">BHHB", 8, 64, 96, 1) + b"\1\x11\0") * 1000
    ),
    "segments": lambda: sized(flat_jpeg(8, 8, 7), 80, 80)[:-2] + b"\xff\x01" * (MOST_PARTS + 1),
    "chunks": lambda: before_pixels(PLAIN_PNG, chunk(b"IDAT", b"") * (MOST_PARTS + 1)),
    "damaged": lambda: before_pixels(PLAIN_PNG, chunk(b"IHDR", struct.pack(">IIBBBBB", 9999, 9999, 8, 2, 0, 0, 0))),
}


@pytest.mark.parametrize("reason", BOMBS)
def test_bombs_are_refused_at_little_cost(reason: str) -> None:
    content = BOMBS[reason]()
    assert len(content) < 2_500_000
    tracemalloc.start()
    try:
        with pytest.raises(MediaError, match=reason):
            decode(content, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_an_interlaced_picture_has_rows_enough() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 701, 3), np.uint8)
    rows = b"".join(
        b"".join(b"\0" + row.tobytes() for row in noise[top::down, left::right])
        for top, left, down, right in (
            (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)
        )
    )  # fmt: skip
    content = png_of(701, 700, zlib.compress(rows, 0))
    interlaced = content[:28] + b"\1" + struct.pack(">I", zlib.crc32(content[12:28] + b"\1")) + content[33:]
    assert len(interlaced) > 1 << 20
    assert (seen(interlaced) == noise).all()


def test_orientation_is_told_by_what_is_cut() -> None:
    for plain in (PLAIN_JPEG, PLAIN_PNG):
        still = decode(with_exif(plain, 6), LIMIT)
        assert (still.width, still.height) == (64, 96)
