"""Result sets: records in every order that the API offers, as JSON Lines in independent zstd frames.

The items themselves wait in a temporary file and are read from it a frame at a time; only what they are sorted by is held in memory, some
dozens of bytes per item.
"""

import json
import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from pipeline.aggregate.types import Record
from pipeline.objects.types import Bucket
from pipeline.results.reader import FRAME_ITEMS
from pipeline.store.jobs import ResultSet

Rows = NDArray[np.int64]
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def write(
    records: Iterable[Record], orders: Mapping[str, Sequence[str]], aggregates: Sequence[str], work: Bucket, prefix: str
) -> list[ResultSet]:
    """One result set per order and aggregation, kept in `work` under `prefix`.

    Args:
        records: What the aggregator emitted, in any order; ties keep it.
        orders: SortBy value -> fields of `Record` to sort by, "-" = descending.
        aggregates: AggregateBy values; records of others are dropped.
        work: Where the files go.
        prefix: Beginning of their keys.
    """
    with tempfile.TemporaryDirectory(prefix="reelsight-results-") as directory:
        spool = _spooled(records, orders, aggregates, Path(directory) / "items")
        return [
            _written(spool, rows, sort_by, aggregate, Path(directory) / "frames", work, prefix)
            for aggregate in aggregates
            for sort_by, rows in _ordered(spool, orders, aggregate)
        ]


@dataclass(slots=True)
class _Spool:
    """Items in a file, and columns with what they are sorted by.

    Attributes:
        path: JSON texts, a line each.
        ends: Where each line ends, after a 0.
        columns: Field of `Record` -> its value per item; of names, which of `names` it is.
        names: Every name that occurs -> its number.
        rows: AggregateBy value -> numbers of its items.
    """

    path: Path
    ends: "array[int]" = field(default_factory=lambda: array("q", [0]))
    columns: "dict[str, array[Any]]" = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    rows: "dict[str, array[int]]" = field(default_factory=dict)


def _spooled(
    records: Iterable[Record], orders: Mapping[str, Sequence[str]], aggregates: Sequence[str], path: Path
) -> _Spool:
    spool = _Spool(path, rows={aggregate: array("q") for aggregate in aggregates})
    spool.columns = {name.lstrip("-"): _column(name.lstrip("-")) for names in orders.values() for name in names}
    end = 0
    with path.open("wb") as file:
        for record in records:
            if record.aggregate not in spool.rows:
                continue
            spool.rows[record.aggregate].append(len(spool.ends) - 1)
            for name, column in spool.columns.items():
                value = getattr(record, name)
                column.append(spool.names.setdefault(value, len(spool.names)) if name == "name" else value)
            end += file.write(_JSON.encode(record.body).encode() + b"\n")
            spool.ends.append(end)
    return spool


def _column(name: str) -> "array[Any]":
    return array({"name": "i", "confidence": "d"}.get(name, "q"))


def _ordered(spool: _Spool, orders: Mapping[str, Sequence[str]], aggregate: str) -> Iterator[tuple[str, Rows]]:
    """SortBy value and the item numbers in that order: stable sorts, the least important field first."""
    for sort_by, names in orders.items():
        rows = np.array(spool.rows[aggregate], np.int64)
        for name in reversed(names):
            keys = _keys(spool, name.lstrip("-"))[rows]
            rows = rows[np.argsort(-keys if name.startswith("-") else keys, kind="stable")]
        yield sort_by, rows


def _keys(spool: _Spool, name: str) -> NDArray[Any]:
    """Numbers that sort as the values of the field do."""
    column = np.frombuffer(spool.columns[name], spool.columns[name].typecode)
    if name != "name":
        return column
    ranks = np.empty(len(spool.names), np.int64)
    ranks[[spool.names[text] for text in sorted(spool.names)]] = np.arange(len(spool.names))
    ranked: NDArray[np.int64] = ranks[column]
    return ranked


def _written(
    spool: _Spool, rows: Rows, sort_by: str, aggregate: str, path: Path, work: Bucket, prefix: str
) -> ResultSet:
    with path.open("wb") as file:
        offsets = _frames(_texts(spool, rows), file)
    key = f"{prefix}{sort_by}-{aggregate}.jsonl.zst"
    work.put_file(key, path)
    return ResultSet(sort_by, aggregate, key, len(rows), offsets)


def _texts(spool: _Spool, rows: Rows) -> Iterator[bytes]:
    """The lines of every frame."""
    ends = np.frombuffer(spool.ends, np.int64)
    with spool.path.open("rb") as file:
        for start in range(0, len(rows), FRAME_ITEMS):
            mine = rows[start : start + FRAME_ITEMS]
            # Items that follow one another in the file, as all do that are sorted by time, are read at once.
            breaks = np.flatnonzero(np.diff(mine) != 1)
            begins = ends[mine[np.r_[0, breaks + 1]]].tolist()
            stops = ends[mine[np.r_[breaks, len(mine) - 1]] + 1].tolist()
            yield b"".join(
                os.pread(file.fileno(), stop - begin, begin) for begin, stop in zip(begins, stops, strict=True)
            )


def _frames(texts: Iterator[bytes], file: IO[bytes]) -> list[int]:
    """Byte offset of every frame written, and the end."""
    compressor = zstandard.ZstdCompressor(level=3)
    offsets = [0]
    for text in texts:
        offsets.append(offsets[-1] + file.write(compressor.compress(text)))
    return offsets
