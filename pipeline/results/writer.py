"""Result sets: records in every order that the API offers, as JSON Lines in independent zstd frames.

The items themselves wait in a temporary file; only what they are sorted by is held in memory.
"""

import json
import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import zstandard

from pipeline.aggregate.types import Record
from pipeline.objects.types import Bucket
from pipeline.results.reader import FRAME_ITEMS
from pipeline.store.jobs import ResultSet


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
        path: JSON texts, one after the other.
        ends: Where each text ends.
        columns: Field of `Record` -> its value per item.
        rows: AggregateBy value -> numbers of its items.
    """

    path: Path
    ends: "array[int]" = field(default_factory=lambda: array("q", [0]))
    columns: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, "array[int]"] = field(default_factory=dict)


def _spooled(
    records: Iterable[Record], orders: Mapping[str, Sequence[str]], aggregates: Sequence[str], path: Path
) -> _Spool:
    spool = _Spool(path, rows={aggregate: array("q") for aggregate in aggregates})
    spool.columns = {name.lstrip("-"): _column(name.lstrip("-")) for names in orders.values() for name in names}
    names: dict[str, str] = {}
    with path.open("wb") as file:
        for record in records:
            if record.aggregate not in spool.rows:
                continue
            spool.rows[record.aggregate].append(len(spool.ends) - 1)
            for name, column in spool.columns.items():
                value = getattr(record, name)
                # Equal names share one text.
                column.append(names.setdefault(value, value) if name == "name" else value)
            file.write(_json(record.body))
            spool.ends.append(file.tell())
    return spool


def _column(name: str) -> Any:
    return [] if name == "name" else array("d" if name == "confidence" else "q")


def _json(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _ordered(spool: _Spool, orders: Mapping[str, Sequence[str]], aggregate: str) -> Iterator[tuple[str, Sequence[int]]]:
    """SortBy value and the item numbers in that order: stable sorts, the least important field first."""
    for sort_by, names in orders.items():
        rows = list(spool.rows[aggregate])
        for name in reversed(names):
            rows.sort(key=spool.columns[name.lstrip("-")].__getitem__, reverse=name.startswith("-"))
        yield sort_by, rows


def _written(
    spool: _Spool, rows: Sequence[int], sort_by: str, aggregate: str, path: Path, work: Bucket, prefix: str
) -> ResultSet:
    with path.open("wb") as file:
        offsets = _frames(_items(spool, rows), file)
    key = f"{prefix}{sort_by}-{aggregate}.jsonl.zst"
    work.put_file(key, path)
    return ResultSet(sort_by, aggregate, key, len(rows), offsets)


def _items(spool: _Spool, rows: Sequence[int]) -> Iterator[bytes]:
    if not rows:
        return
    with spool.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as texts:
        for row in rows:
            yield texts[spool.ends[row] : spool.ends[row + 1]]


def _frames(items: Iterator[bytes], file: IO[bytes]) -> list[int]:
    """Byte offset of every frame written, and the end."""
    compressor = zstandard.ZstdCompressor(level=3)
    offsets, lines = [0], []
    for item in items:
        lines.append(item)
        if len(lines) == FRAME_ITEMS:
            offsets.append(offsets[-1] + file.write(_frame(compressor, lines)))
            lines = []
    if lines:
        offsets.append(offsets[-1] + file.write(_frame(compressor, lines)))
    return offsets


def _frame(compressor: zstandard.ZstdCompressor, lines: list[bytes]) -> bytes:
    return compressor.compress(b"\n".join(lines) + b"\n")
