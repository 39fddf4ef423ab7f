"""Picture files cut down to what makes their pixels, within bounds on the work that decoding can be.

Whatever else a file carries (texts, colour profiles, thumbnails, further pictures) never reaches the decoder: compressed texts unfold a
thousandfold. Small files can also repeat what is costly: scans, tables, rows that the picture does not have. Real files come nowhere near
the bounds: programs write progressive pictures in 10 to 20 scans, and rows exactly.

Source: ITU-T T.81 annex B (JPEG); W3C PNG specification 3rd edition, 5 (chunks), 8 (interlacing) and 9 (filters).
"""

import re
import zlib
from collections.abc import Iterator, Mapping

from pipeline.errors import MediaError
from pipeline.media.picture import JPEG_START, PNG_START

MOST_SCANNED = 2_500_000_000
"""Pixels of all scans of a JPEG file together: 25 scans of the largest picture, a hundred of 25 megapixels."""
MOST_PARTS = 20_000
MOST_TABLES = 1 << 18
"""Bytes of the Huffman tables of a JPEG file; those of one scan have at most 2 kB."""
UNCHECKED = 1 << 20
"""Bytes of compressed rows of a PNG file that cannot unfold to more than a gigabyte, about two seconds."""
PIECE = 1 << 20
IHDR_BYTES = 13

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_HUFFMAN, _SCAN, _END = 0xC4, 0xDA, 0xD9
_JPEG_PARTS = _FRAMES | {_HUFFMAN, _SCAN, 0xDB, 0xDD, 0xEE}
"""Frames, tables, scans, restart intervals, and Adobe's note of the colour transform."""
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MARKER = re.compile(rb"\xff(?![\x00\xd0-\xd7\xff])")
_PNG_PARTS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_CHANNELS: Mapping[int, int] = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def jpeg_pixels(content: bytes, pixels: int) -> bytes:
    """The JPEG file with nothing but its first picture, of so many pixels.

    Raises:
        MediaError: it has several frames, or more scans, tables or segments than a picture needs.
    """
    kept: list[bytes | memoryview] = [content[:2]]
    scans = frames = tables = 0
    for marker, part in _segments(content):
        scans, frames = scans + (marker == _SCAN), frames + (marker in _FRAMES)
        tables += len(part) if marker == _HUFFMAN else 0
        if scans * pixels > MOST_SCANNED or tables > MOST_TABLES:
            raise MediaError("the JPEG file has more scans or tables than a picture needs")
        if frames > 1:
            raise MediaError("the JPEG file is damaged: it contains pictures of several sizes")
        kept.append(part)
    return b"".join(kept)


def _segments(content: bytes) -> Iterator[tuple[int, memoryview]]:
    """Markers and bytes of the segments that make pixels, with what follows scans, up to the end of the picture."""
    view, place = memoryview(content), len(JPEG_START) - 1
    for _ in range(MOST_PARTS):
        found = _MARKER.search(content, place)
        if found is None or found.end() == len(content):
            return
        start, marker = found.start(), content[found.end()]
        length = 0 if marker in _NO_LENGTH else int.from_bytes(content[start + 2 : start + 4], "big")
        place = start + 2 + length
        if marker == _END:
            yield marker, view[start : start + 2]
            return
        if marker == _SCAN:
            following = _MARKER.search(content, place)
            place = following.start() if following else len(content)
        if marker in _JPEG_PARTS:
            yield marker, view[start:place]
    raise MediaError(f"the JPEG file has more than {MOST_PARTS} segments")


def png_pixels(content: bytes) -> bytes:
    """The PNG file with nothing but its still picture.

    Raises:
        MediaError: its chunks are too many, or its rows more than the picture has.
    """
    chunks = list(_chunks(content))
    rows = [part[8:-4] for name, part in chunks if name == b"IDAT"]
    if sum(map(len, rows)) > UNCHECKED:
        _check_rows(rows, next((part[8:] for name, part in chunks if name == b"IHDR"), memoryview(b"")))
    return b"".join([PNG_START, *(part for name, part in chunks if name in _PNG_PARTS)])


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Names and bytes of the chunks, up to the end of the picture."""
    view, place, count = memoryview(content), len(PNG_START), 0
    while place + 8 <= len(content):
        end = place + 12 + int.from_bytes(content[place : place + 4], "big")
        name = content[place + 4 : place + 8]
        yield name, view[place:end]
        place, count = end, count + 1
        if name == b"IEND":
            return
        if count > MOST_PARTS:
            raise MediaError(f"the PNG file has more than {MOST_PARTS} chunks")


def _check_rows(rows: list[memoryview], head: memoryview) -> None:
    """Passes where the rows unfold to no more than twice of what a picture with this IHDR has; damage is the decoder's to tell.

    Raises:
        MediaError: they unfold to more, or the IHDR is cut off.
    """
    if len(head) < IHDR_BYTES:
        raise MediaError("the PNG file is damaged: it does not say how large the picture is")
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    row_bytes = 2 + (width * head[8] * _CHANNELS.get(head[9], 4) + 7) // 8
    left, unfolding = 2 * height * row_bytes, zlib.decompressobj()
    try:
        for row in rows:
            rest: bytes | memoryview = row
            while rest and not unfolding.eof:
                left -= len(unfolding.decompress(rest, PIECE))
                rest = unfolding.unconsumed_tail
                if left < 0:
                    raise MediaError("the PNG file has more rows than the picture")
    except zlib.error:
        return
