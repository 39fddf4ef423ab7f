"""What the head of a picture file says, read before anything is decoded: format, size, orientation.

Source: ITU-T T.81 annex B (JPEG markers), W3C PNG specification 3rd edition (chunks, eXIf), CIPA DC-008 (Exif orientation).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from pipeline.errors import MediaError

PictureFormat = Literal["JPEG", "PNG"]

JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
PARTS = 10_000
"""Segments or chunks that are looked at; real files have tens."""
OTHERS = (
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP"),
    (4, b"ftyphei", "a HEIC"),
    (4, b"ftypmif1", "a HEIF"),
    (4, b"ftypavi", "an AVIF"),
    (0, b"BM", "a BMP"),
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"%PDF", "a PDF"),
    (0, b"<", "an SVG, HTML or XML"),
)
"""Where which bytes tell what people take for pictures that can be used, and what it is."""
_EXIF = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PIXELS_BEGIN = 0xDA
_FILL = re.compile(rb"\xff+")


@dataclass(frozen=True, slots=True)
class PictureHead:
    """What is known of a picture before it is decoded.

    Attributes:
        format: What the content is, whatever the file is called.
        width: Stored pixels in a row.
        height: Stored rows.
        orientation: 1 to 8 as Exif numbers them; 1: as stored.
    """

    format: PictureFormat
    width: int
    height: int
    orientation: int


def picture_head(content: bytes) -> PictureHead:
    """The head of a JPEG or PNG file.

    Raises:
        MediaError: the content is neither, or breaks off in its head.
    """
    if content.startswith(JPEG_START):
        return _jpeg(content)
    if content.startswith(PNG_START):
        return _png(content)
    kind = next((kind for place, sign, kind in OTHERS if content.startswith(sign, place)), "neither a JPEG nor a PNG")
    raise MediaError(f"it is {kind} file; only JPEG and PNG are read")


def orientation_of(exif: bytes) -> int:
    """The orientation that an Exif block (a TIFF header and what follows) names; 1 where it names none."""
    order: Literal["big", "little"] = "big" if exif[:2] == b"MM" else "little"
    start = int.from_bytes(exif[4:8], order)
    count = int.from_bytes(exif[start : start + 2], order)
    for place in range(start + 2, min(start + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = (int.from_bytes(exif[at : at + 2], order) for at in (place, place + 2))
        if (tag, kind) == (_ORIENTATION, _SHORT):
            value = int.from_bytes(exif[place + 8 : place + 10], order)
            return value if 1 <= value <= 8 else 1
    return 1


def _jpeg(content: bytes) -> PictureHead:
    size, orientation = None, 1
    for marker, payload in _segments(content):
        if marker in _SIZES and size is None:
            size = int.from_bytes(payload[3:5], "big"), int.from_bytes(payload[1:3], "big")
        if marker == 0xE1 and payload.startswith(_EXIF):
            orientation = orientation_of(payload[len(_EXIF) :])
    return _head("JPEG", size, orientation)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and their payloads, up to where the pixels begin."""
    place = 2
    for _ in range(PARTS):
        filled = _FILL.match(content, place)
        if filled is None or filled.end() + 3 > len(content):
            return
        place, marker = filled.end() + 1, content[filled.end()]
        if marker == _PIXELS_BEGIN:
            return
        if marker not in _NO_LENGTH:
            length = int.from_bytes(content[place : place + 2], "big")
            yield marker, content[place + 2 : place + length]
            place += max(length, 2)


def _png(content: bytes) -> PictureHead:
    size, orientation = None, 1
    for name, payload in islice(_chunks(content), PARTS):
        if name == b"IHDR" and size is None:
            size = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
        if name == b"eXIf":
            orientation = orientation_of(payload)
    return _head("PNG", size, orientation)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of the chunks, up to the end."""
    place = len(PNG_START)
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place + 8 : place + 8 + min(length, 1 << 16)]
        place += 12 + length


def _head(kind: PictureFormat, size: tuple[int, int] | None, orientation: int) -> PictureHead:
    if size is None or 0 in size:
        raise MediaError(f"the {kind} file is damaged: it does not say how large the picture is")
    return PictureHead(kind, *size, orientation)
