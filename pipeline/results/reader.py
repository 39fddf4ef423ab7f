"""Pages of a result set as bytes: a range read, a decompress and a splice, whatever the depth; nothing is parsed."""

import zstandard

from pipeline.objects.types import Bucket
from pipeline.store.jobs import ResultSet

FRAME_ITEMS = 1000
"""Items in every frame of a result set but the last."""


def page(work: Bucket, results: ResultSet, offset: int, count: int) -> bytes:
    """Items `offset` to `offset + count` as JSON texts joined by commas."""
    stop = min(offset + count, results.items)
    if offset >= stop:
        return b""
    first, last = offset // FRAME_ITEMS, (stop - 1) // FRAME_ITEMS
    raw = work.read(results.object_key, results.offsets[first], results.offsets[last + 1])
    lines = _decompressed(raw).split(b"\n")
    skipped = first * FRAME_ITEMS
    return b",".join(lines[offset - skipped : stop - skipped])


def _decompressed(raw: bytes) -> bytes:
    """The content of consecutive frames."""
    with zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
        return stream.read()
