"""HDF5 files as Keras 2 writes its models, read without the HDF5 library: groups, contiguous arrays of floats, and texts as attributes.

Source: HDF Group, "HDF5 File Format Specification Version 2.0", for superblock 0, groups of symbol tables, object headers 1 and layouts 3.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ModelError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SPACE, TYPE, LAYOUT, ATTRIBUTE, CONTINUATION, SYMBOLS = 0x01, 0x03, 0x08, 0x0C, 0x10, 0x11
CONTIGUOUS, FLOAT, VARIABLE = 1, 1, 9
MAX_DEPTH = 32
"""Of groups in groups, and of the nodes of a group's tree."""
BROKEN = (struct.error, LookupError, ValueError, OverflowError)
"""What reading a damaged file may raise."""


@dataclass(frozen=True, slots=True)
class File:
    """A file's arrays and the texts of its root.

    Attributes:
        arrays: Path -> float32 array.
        texts: Attribute of the root -> what it says.
    """

    arrays: Mapping[str, NDArray[np.float32]]
    texts: Mapping[str, str]


def read(raw: bytes) -> File:
    """The arrays and texts of a file.

    Raises:
        ModelError: not such a file, or it is damaged.
    """
    if raw[:8] != SIGNATURE or raw[8:9] != b"\0" or raw[13:15] != b"\x08\x08":
        raise ModelError("not an HDF5 file of the kind that is known here")
    try:
        reader = _Reader(raw)
        (root,) = struct.unpack_from("<Q", raw, 64)
        return File(dict(reader.arrays(root, "", MAX_DEPTH)), dict(reader.texts(root)))
    except BROKEN as error:
        raise ModelError(f"the HDF5 file is damaged: {error}") from error


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def arrays(self, header: int, path: str, depth: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """The arrays below an object."""
        if not depth:
            raise ValueError("groups are nested without end")
        messages = self._messages(header)
        if SYMBOLS in messages:
            tree, heap = struct.unpack_from("<QQ", messages[SYMBOLS][0])
            for name, child in self._members(tree, self._names(heap), MAX_DEPTH):
                yield from self.arrays(child, f"{path}/{name}", depth - 1)
        elif LAYOUT in messages and messages[TYPE][0][0] & 15 == FLOAT:
            yield path, self._array(messages)

    def texts(self, header: int) -> Iterator[tuple[str, str]]:
        """The attributes that are single texts."""
        for message in self._messages(header).get(ATTRIBUTE, []):
            name_size, type_size, space_size = struct.unpack_from("<HHH", message, 2)
            name, kind, space, data = self._split(message[8:], name_size, type_size, space_size)
            if kind[0] & 15 == VARIABLE and not space[1]:
                _, heap, index = struct.unpack_from("<IQI", data)
                yield name.rstrip(b"\0").decode(), self._global(heap, index).decode()

    def _split(self, body: bytes, *sizes: int) -> list[bytes]:
        """Parts of these sizes, each padded to eight bytes, and the rest."""
        parts, start = [], 0
        for size in sizes:
            parts.append(body[start : start + size])
            start += -(-size // 8) * 8
        return [*parts, body[start:]]

    def _array(self, messages: Mapping[int, list[bytes]]) -> NDArray[np.float32]:
        space, kind, layout = (messages[number][0] for number in (SPACE, TYPE, LAYOUT))
        (size,) = struct.unpack_from("<I", kind, 4)
        if kind[1] & 1 or size != 4 or layout[0] != 3 or layout[1] != CONTIGUOUS:
            raise ModelError("the HDF5 file has arrays that are not plain rows of float32")
        shape = struct.unpack_from(f"<{space[1]}Q", space, 8 if space[0] == 1 else 4)
        (place,) = struct.unpack_from("<Q", layout, 2)
        return np.frombuffer(self._raw, "<f4", prod(shape), place).reshape(shape)

    def _messages(self, header: int) -> dict[int, list[bytes]]:
        """The messages of an object header by type."""
        version, count = struct.unpack_from("<BxH", self._raw, header)
        if version != 1:
            raise ModelError("the HDF5 file has object headers of a kind that is not known here")
        (size,) = struct.unpack_from("<I", self._raw, header + 8)
        blocks, found = [(header + 16, size)], dict[int, list[bytes]]()
        while blocks and count > 0:
            start, size = blocks.pop(0)
            end = start + size
            while start + 8 <= end and count > 0:
                kind, length = struct.unpack_from("<HH", self._raw, start)
                body = self._raw[start + 8 : start + 8 + length]
                found.setdefault(kind, []).append(body)
                if kind == CONTINUATION:
                    blocks.append(struct.unpack_from("<QQ", body))
                start, count = start + 8 + length, count - 1
        return found

    def _names(self, heap: int) -> bytes:
        self._expect(heap, b"HEAP")
        size, _, place = struct.unpack_from("<QQQ", self._raw, heap + 8)
        return self._raw[place : place + size]

    def _members(self, tree: int, names: bytes, depth: int) -> Iterator[tuple[str, int]]:
        """Name and header of a group's members."""
        if not depth:
            raise ValueError("a group's tree is nested without end")
        self._expect(tree, b"TREE")
        level, count = struct.unpack_from("<BH", self._raw, tree + 5)
        for number in range(count):
            (child,) = struct.unpack_from("<Q", self._raw, tree + 32 + 16 * number)
            yield from self._members(child, names, depth - 1) if level else self._entries(child, names)

    def _entries(self, node: int, names: bytes) -> Iterator[tuple[str, int]]:
        self._expect(node, b"SNOD")
        (count,) = struct.unpack_from("<H", self._raw, node + 6)
        for number in range(count):
            name, header = struct.unpack_from("<QQ", self._raw, node + 8 + 40 * number)
            yield names[name : names.index(b"\0", name)].decode(), header

    def _global(self, heap: int, wanted: int) -> bytes:
        """An object of a global heap."""
        self._expect(heap, b"GCOL")
        (size,) = struct.unpack_from("<Q", self._raw, heap + 8)
        start = heap + 16
        while start + 16 <= heap + size:
            index, length = struct.unpack_from("<H6xQ", self._raw, start)
            if index == wanted:
                return self._raw[start + 16 : start + 16 + length]
            start += 16 + -(-length // 8) * 8
        raise ValueError(f"no object {wanted} in a heap")

    def _expect(self, place: int, mark: bytes) -> None:
        if self._raw[place : place + 4] != mark:
            raise ValueError(f"no {mark.decode()} where there should be one")


def weights(arrays: Mapping[str, NDArray[Any]], below: str = "/model_weights/") -> dict[str, NDArray[Any]]:
    """The arrays of a Keras model as `layer/weight`, without its optimiser's."""
    return {
        "/".join(path.split("/")[-2:]).removesuffix(":0"): array
        for path, array in arrays.items()
        if path.startswith(below)
    }
