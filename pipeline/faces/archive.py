"""Collections as files: everything that a collection holds, for backups and for other installations.

The file is JSON Lines compressed with Zstandard, in frames of about a thousand lines, so it is written and read in a stream whatever its
size, and `zstdcat FILE | jq` shows it. In this order::

    {"Collection": {"Format": "reelsight-collection", "FormatVersion": 1, "CollectionId", "FaceModelVersion", "CreationTimestamp",
                    "Tags": {KEY: VALUE}, "ImageNamespace", "UserCount", "FaceCount"}}
    {"User": {"UserId"}}                                                          one line each, oldest first
    {"Face": {"FaceId", "ImageId", "ExternalImageId", "BoundingBox": {"Left", "Top", "Width", "Height"}, "Confidence",
              "IndexFacesModelVersion", "UserId", "Vector"}}                      one line each, in the order of arrival
    {"End": {"SHA256"}}

Members are those of the API of these names; ExternalImageId and UserId are left out where a face has none. Vector is the embedding: base64
of 128 float32, little-endian, of length 1. ImageNamespace is the UUID, as 32 hexadecimal digits, under which the SHA-256 of an image makes
its ImageId (UUID version 5): with it the same image is known again after a move. SHA256 is over all bytes before the last line. Numbers
are written so that reading them gives the same ones, bit for bit. Vectors of users are not written: they follow from those of their faces.

Parquet would hold the same columns, but for the sake of this file alone every installation would need a library for it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO, Any

import zstandard

from pipeline.errors import SetupError
from pipeline.faces.archive_lines import (
    CollectionLine,
    FaceLine,
    collection_line,
    collection_record,
    face_line,
    face_record,
    user_line,
    user_record,
)

FRAME_LINES = 1000
MAX_LINE_BYTES = 1024**2
"""More than the longest line takes, that of a collection with 200 tags of 384 characters; what is longer is no export."""
MAX_WINDOW_BYTES = 8 * 1024**2
"""What a frame may ask a reader to remember; ours ask for 2 MiB."""
_READ_BYTES = 256 * 1024

Line = Mapping[str, Any]


def write_archive(file: IO[bytes], collection: CollectionLine, users: Iterable[str], faces: Iterable[FaceLine]) -> None:
    """Writes a collection; `users` and `faces` are read as they are written."""
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    digest = hashlib.sha256()
    records = chain(
        [{"Collection": collection_record(collection)}],
        ({"User": user_record(user)} for user in users),
        ({"Face": face_record(face)} for face in faces),
    )
    lines: list[bytes] = []
    for record in records:
        lines.append(_json(record))
        digest.update(lines[-1])
        if len(lines) == FRAME_LINES:
            file.write(compressor.compress(b"".join(lines)))
            lines.clear()
    lines.append(_json({"End": {"SHA256": digest.hexdigest()}}))
    file.write(compressor.compress(b"".join(lines)))


class ArchiveReader:
    """An exported file, read once from beginning to end; whatever is wrong with it raises SetupError.

    Attributes:
        collection: What the file says of the collection itself.
    """

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self._number = 0
        self._lines = _lines(file)
        kind, fields = self._next()
        if kind != "Collection":
            raise self.error("it does not begin with a Collection")
        self.collection: CollectionLine = self._parsed(collection_line, fields)

    def users(self) -> Iterator[str]:
        """Ids of the users; to be read before the faces."""
        for _ in range(self.collection.users):
            yield self._expected("User", user_line)

    def faces(self) -> Iterator[FaceLine]:
        """The faces; that all of them were read and nothing else follows is known once this ends."""
        for _ in range(self.collection.faces):
            yield self._expected("Face", face_line)
        before = self._digest.hexdigest()
        kind, fields = self._next()
        if kind != "End":
            raise self.error(f"it has more lines than its beginning announces: a {kind}")
        if fields != {"SHA256": before}:
            raise self.error("its content is not what was written: the checksum (SHA256) is another")
        if self._line() is not None:
            raise self.error("something follows its end")

    def error(self, reason: str) -> SetupError:
        """Says where and why the file is refused."""
        return SetupError(f"{self._path}, line {self._number}: {reason}.")

    def _expected(self, kind: str, parse: Any) -> Any:
        found, fields = self._next()
        if found != kind:
            raise self.error(f"a {kind} is expected, not a {found}")
        return self._parsed(parse, fields)

    def _parsed(self, parse: Any, fields: Any) -> Any:
        try:
            return parse(fields)
        except ValueError as error:
            raise self.error(str(error)) from None

    def _next(self) -> tuple[str, Any]:
        """Kind and content of the next line."""
        self._number += 1
        line = self._line()
        if line is None:
            raise self.error("the file ends too early: it was cut off, or is no file of `reelsight collections export`")
        self._digest.update(line)
        try:
            record = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise self.error(f"it is no line of JSON ({error})") from None
        if not isinstance(record, dict) or len(record) != 1:
            raise self.error("it is no object of one member")
        ((kind, fields),) = record.items()
        return str(kind)[:40], fields

    def _line(self) -> bytes | None:
        try:
            return next(self._lines, None)
        except zstandard.ZstdError as error:
            raise self.error(f"the file is damaged, or not compressed as an export is ({error})") from None
        except _TooLongError:
            raise self.error(f"it has more than {MAX_LINE_BYTES} bytes") from None


class _TooLongError(Exception):
    """A line is longer than any that is written."""


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines, each with its end."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
    rest = b""
    with closing(decompressor.stream_reader(file, read_across_frames=True, closefd=False)) as stream:
        while chunk := stream.read(_READ_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                if len(line) > MAX_LINE_BYTES:
                    raise _TooLongError
                yield line + b"\n"
            if len(rest) > MAX_LINE_BYTES:
                raise _TooLongError
    if rest:
        yield rest


def _json(record: Line) -> bytes:
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")
