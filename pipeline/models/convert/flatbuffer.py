"""Just enough of the FlatBuffers format to read a TFLite file.

Source: FlatBuffers internals (https://flatbuffers.dev/internals/); field numbers as in TFLite's schema.fbs.
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Table:
    """A table at a byte position of the file; fields are asked for by number."""

    raw: bytes
    at: int

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """An integer field of a `struct` kind such as "i" or "b"."""
        place = self._place(field)
        return default if place is None else int(struct.unpack_from(f"<{kind}", self.raw, place)[0])

    def table(self, field: int) -> "Table | None":
        """A field that is a table, also one of a union."""
        place = self._place(field)
        return None if place is None else Table(self.raw, self._follow(place))

    def tables(self, field: int) -> list["Table"]:
        """A field that is a vector of tables."""
        start, length = self._vector(field)
        return [Table(self.raw, self._follow(start + 4 * i)) for i in range(length)]

    def array(self, field: int, dtype: str) -> NDArray[Any]:
        """A field that is a vector of numbers; empty where it is absent."""
        start, length = self._vector(field)
        return np.frombuffer(self.raw, dtype, length, start)

    def text(self, field: int) -> str:
        """A field that is a string."""
        return self.array(field, "u1").tobytes().decode("utf-8", "replace")

    def _place(self, field: int) -> int | None:
        (back,) = struct.unpack_from("<i", self.raw, self.at)
        start = self.at - back
        (size,) = struct.unpack_from("<H", self.raw, start)
        if 4 + 2 * field >= size:
            return None
        (offset,) = struct.unpack_from("<H", self.raw, start + 4 + 2 * field)
        return self.at + offset if offset else None

    def _follow(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self.raw, place)[0])

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if place is None:
            return 0, 0
        start = self._follow(place)
        return start + 4, int(struct.unpack_from("<I", self.raw, start)[0])


def root(raw: bytes) -> Table:
    """The outermost table."""
    return Table(raw, int(struct.unpack_from("<I", raw, 0)[0]))
