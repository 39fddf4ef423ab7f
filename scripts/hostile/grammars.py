"""The grammars of MP4, Matroska, RIFF, PNG and JPEG, as far as harm can be done to them.

Source: ISO/IEC 14496-12 (boxes), RFC 8794 (EBML), Microsoft "AVI RIFF File Reference", W3C PNG specification, ITU-T T.81.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

from scripts.hostile.forest import Part, Place

MOST_ENTRIES = 400
"""Of a table, whose numbers are changed."""


def _table(begin: int, width: int, size: int) -> list[Place]:
    """Numbers of `width` bytes from `begin` to the end of a payload of `size` bytes."""
    return [Place(at, width) for at in range(begin, size - width + 1, width)][:MOST_ENTRIES]


class Boxes:
    """MP4 and QuickTime."""

    _INSIDE: ClassVar[Mapping[bytes, int]] = {
        **dict.fromkeys(
            (
                b"moov",
                b"trak",
                b"mdia",
                b"minf",
                b"stbl",
                b"edts",
                b"dinf",
                b"udta",
                b"moof",
                b"traf",
                b"mvex",
                b"mfra",
            ),
            0,
        ),
        b"meta": 4,
        b"stsd": 8,
        **dict.fromkeys((b"avc1", b"hvc1", b"hev1", b"mp4v", b"av01", b"vp09", b"encv"), 78),
        b"mp4a": 28,
    }
    _TABLES: ClassVar[Mapping[bytes, int]] = {
        b"stts": 4,
        b"ctts": 4,
        b"stsc": 4,
        b"stco": 4,
        b"stsz": 4,
        b"stss": 4,
        b"elst": 4,
        b"trun": 4,
        b"tfdt": 4,
        b"tfhd": 4,
        b"sidx": 4,
        b"trex": 4,
    }
    _FIELDS: ClassVar[Mapping[bytes, Sequence[tuple[int, int]]]] = {
        b"mvhd": [(12, 4), (16, 4), (20, 4), (36, 4), (96, 4)],
        b"mdhd": [(0, 1), (12, 4), (16, 4), (20, 2)],
        b"tkhd": [(0, 1), (12, 4), (20, 4), (40, 4), (44, 4), (52, 4), (56, 4), (76, 4), (80, 4)],
        b"stsd": [(4, 4)],
        b"hdlr": [(8, 4)],
        **dict.fromkeys((b"avc1", b"hvc1", b"hev1", b"mp4v", b"av01", b"vp09"), ((24, 2), (26, 2), (40, 2), (74, 2))),
        b"mp4a": [(8, 2), (16, 2), (18, 2), (24, 4)],
        b"pasp": [(0, 4), (4, 4)],
        **dict.fromkeys((b"avcC", b"hvcC", b"esds"), ((0, 1), (1, 1), (3, 1), (4, 1), (5, 1), (6, 2), (9, 4))),
    }

    def parse(self, content: bytes) -> list[Part]:
        """See `Grammar`."""
        found, at = [], 0
        while at + 8 <= len(content):
            size, tag = struct.unpack_from(">I4s", content, at)
            begin = at + 8
            if size == 1 and at + 16 <= len(content):
                size, begin = struct.unpack_from(">Q", content, at + 8)[0], at + 16
            end = len(content) if size == 0 else min(at + size, len(content))
            if end < begin or not tag.strip(b"\0"):
                break
            found.append(self._part(tag, content[begin:end]))
            at = end
        return [*found, Part(b"", body=content[at:])] if at < len(content) else found

    def _part(self, tag: bytes, payload: bytes) -> Part:
        skipped = self._INSIDE.get(tag)
        if skipped is None or len(payload) < skipped:
            return Part(tag, body=payload)
        return Part(tag, head=payload[:skipped], parts=self.parse(payload[skipped:]))

    def enclose(self, tag: bytes, payload: bytes, lie: int | None = None) -> bytes:
        """See `Grammar`."""
        size = len(payload) + 8 if lie is None else lie
        if size < 1 << 32:
            return struct.pack(">I4s", size, tag[:4].ljust(4, b"\0")) + payload
        return struct.pack(">I4sQ", 1, tag[:4].ljust(4, b"\0"), size % (1 << 64)) + payload

    def places(self, part: Part) -> Sequence[Place]:
        """See `Grammar`."""
        if part.tag in self._TABLES and part.parts is None:
            return _table(self._TABLES[part.tag], 4, len(part.body))
        size = len(part.head if part.parts is not None else part.body)
        return [Place(at, width) for at, width in self._FIELDS.get(part.tag, ()) if at + width <= size]


class Elements:
    """Matroska and WebM."""

    _INSIDE = frozenset(
        bytes.fromhex(name)
        for name in (
            *("1A45DFA3", "18538067", "1549A966", "1654AE6B", "AE", "E0", "E1", "1F43B675"),
            *("A0", "1C53BB6B", "114D9B74", "4DBB", "BB", "B7", "55B0", "6D80", "6240"),
        )
    )
    _BLOCKS = (b"\xa3", b"\xa1")

    def parse(self, content: bytes) -> list[Part]:
        """See `Grammar`."""
        found, at = [], 0
        while at < len(content):
            width = 9 - content[at].bit_length()
            if width > 4 or at + width >= len(content):
                break
            tag, sized = content[at : at + width], at + width
            length = 9 - content[sized].bit_length()
            begin = sized + length
            if length > 8 or begin > len(content):
                break
            size = int.from_bytes(content[sized:begin], "big") & ((1 << 7 * length) - 1)
            end = min(len(content), begin + size)  # an unknown size reaches to the end
            payload = content[begin:end]
            inside = tag in self._INSIDE
            found.append(Part(tag, parts=self.parse(payload)) if inside else Part(tag, body=payload))
            at = end
        return [*found, Part(b"", body=content[at:])] if at < len(content) else found

    def enclose(self, tag: bytes, payload: bytes, lie: int | None = None) -> bytes:
        """See `Grammar`; a lie beyond what fits says that the size is unknown."""
        size = len(payload) if lie is None else min(lie, (1 << 56) - 1)
        return tag + (size | 1 << 56).to_bytes(8, "big") + payload

    def places(self, part: Part) -> Sequence[Place]:
        """See `Grammar`."""
        if part.parts is not None or not part.tag:
            return ()
        if part.tag in self._BLOCKS:
            return [Place(0, 1), Place(1, 2), Place(3, 1)][: 3 if len(part.body) > 4 else 0]
        return [Place(0, len(part.body))] if 0 < len(part.body) <= 8 else ()


class Riff:
    """AVI and WAVE."""

    def parse(self, content: bytes) -> list[Part]:
        """See `Grammar`."""
        found, at = [], 0
        while at + 8 <= len(content):
            tag, size = struct.unpack_from("<4sI", content, at)
            end = min(len(content), at + 8 + size)
            payload = content[at + 8 : end]
            nested = tag in (b"RIFF", b"LIST") and len(payload) >= 4
            found.append(Part(tag, payload[:4], parts=self.parse(payload[4:])) if nested else Part(tag, body=payload))
            at = end + size % 2
        return found

    def enclose(self, tag: bytes, payload: bytes, lie: int | None = None) -> bytes:
        """See `Grammar`."""
        size = len(payload) if lie is None else lie % (1 << 32)
        return struct.pack("<4sI", tag[:4].ljust(4, b"\0"), size) + payload + b"\0" * (len(payload) % 2)

    def places(self, part: Part) -> Sequence[Place]:
        """See `Grammar`."""
        if part.tag in (b"avih", b"strh", b"strf", b"idx1", b"indx", b"dmlh"):
            return [Place(place.offset, 4, "little") for place in _table(0, 4, len(part.body))]
        return ()


class Chunks:
    """PNG, with sums that are right, so that what is wrong is read."""

    SIGN = b"\x89PNG\r\n\x1a\n"

    def parse(self, content: bytes) -> list[Part]:
        """See `Grammar`."""
        found, at = [Part(b"", body=content[:8])], 8
        while at + 12 <= len(content):
            size, tag = struct.unpack_from(">I4s", content, at)
            found.append(Part(tag, body=content[at + 8 : at + 8 + size]))
            at += 12 + size
        return found

    def enclose(self, tag: bytes, payload: bytes, lie: int | None = None) -> bytes:
        """See `Grammar`."""
        tag = tag[:4].ljust(4, b"\0")
        size = len(payload) if lie is None else lie % (1 << 32)
        return struct.pack(">I", size) + tag + payload + struct.pack(">I", zlib.crc32(tag + payload))

    def places(self, part: Part) -> Sequence[Place]:
        """See `Grammar`."""
        if part.tag == b"IHDR":
            return [Place(0, 4), Place(4, 4), *(Place(at, 1) for at in range(8, 13))]
        return (
            _table(0, 4, min(len(part.body), 64)) if part.tag in (b"eXIf", b"PLTE", b"tRNS", b"gAMA", b"pHYs") else ()
        )


class Segments:
    """JPEG; what follows the start of a scan is one part without a tag."""

    def parse(self, content: bytes) -> list[Part]:
        """See `Grammar`."""
        found, at = [Part(b"", body=content[:2])], 2
        while at + 4 <= len(content) and content[at] == 0xFF:
            tag = content[at : at + 2]
            size = int.from_bytes(content[at + 2 : at + 4], "big")
            found.append(Part(tag, body=content[at + 4 : at + 2 + size]))
            at += 2 + size
            if tag == b"\xff\xda":
                break
        return [*found, Part(b"", body=content[at:])]

    def enclose(self, tag: bytes, payload: bytes, lie: int | None = None) -> bytes:
        """See `Grammar`."""
        size = len(payload) + 2 if lie is None else lie
        return tag[:2] + struct.pack(">H", size % (1 << 16)) + payload

    def places(self, part: Part) -> Sequence[Place]:
        """See `Grammar`."""
        if part.tag and part.tag[-1] in {0xC0, 0xC1, 0xC2}:
            return [Place(0, 1), Place(1, 2), Place(3, 2), *(Place(at, 1) for at in range(5, len(part.body)))]
        return [Place(at, 1) for at in range(min(len(part.body), 100))] if part.tag else ()
