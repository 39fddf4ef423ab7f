"""Pages of a result set as bytes: a range read, a decompress and a splice, whatever the depth; nothing is parsed."""

import zstandard

from pipeline.objects.types import Bucket
from pipeline.results.lately import Lately
from pipeline.store.jobs import ResultSet

FRAME_ITEMS = 1000
"""Items in every frame of a result set but the last."""


def page(work: Bucket, results: ResultSet, offset: int, count: int, lately: Lately | None = None) -> bytes:
    """Items `offset` to `offset + count` as JSON texts joined by commas.

    A page that ends within a frame leaves that frame in `lately`: whoever turns small pages over wants the rest of it next.
    """
    stop = min(offset + count, results.items)
    if offset >= stop:
        return b""
    first, last = offset // FRAME_ITEMS, (stop - 1) // FRAME_ITEMS
    texts = [_frame(work, results, number, lately) for number in range(first, last + 1)]
    if lately is not None and stop % FRAME_ITEMS and stop < results.items:
        lately.keep((results.object_key, last), texts[-1], len(texts[-1]))
    lines = b"".join(texts).split(b"\n")
    skipped = first * FRAME_ITEMS
    return b",".join(lines[offset - skipped : stop - skipped])


def _frame(work: Bucket, results: ResultSet, number: int, lately: Lately | None) -> bytes:
    """The lines of one frame; it never changes, for its key names the attempt that has written it."""
    known: bytes | None = lately.find((results.object_key, number)) if lately is not None else None
    if known is not None:
        return known
    raw = work.read(results.object_key, results.offsets[number], results.offsets[number + 1])
    return zstandard.ZstdDecompressor().decompress(raw)
