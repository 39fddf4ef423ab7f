"""Result sets, written and paged over in every store."""

import json
import random

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.aggregate.types import Record
from pipeline.objects.types import Bucket, ObjectStore
from pipeline.results.reader import FRAME_ITEMS, page
from pipeline.results.writer import write
from pipeline.store.jobs import ResultSet
from tests.support.stores import BUCKET, object_store, s3_endpoint, s3_settings

__all__ = ["object_store", "s3_endpoint", "s3_settings"]

ORDERS = {"TIMESTAMP": ("timestamp_ms", "-confidence", "name"), "NAME": ("name", "-confidence", "timestamp_ms")}
ONE = {"TIMESTAMP": ("timestamp_ms",)}
QUIET = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])

record = st.builds(
    lambda ms, name, confidence, aggregate: Record(
        {"Timestamp": ms, "Label": {"Name": name, "Confidence": confidence}}, ms, name, confidence, 0, aggregate
    ),
    st.integers(0, 50),
    st.text(max_size=4),
    st.floats(0, 100),
    st.sampled_from(["TIMESTAMPS", "SEGMENTS"]),
)


@pytest.fixture
def work(object_store: ObjectStore) -> Bucket:
    return Bucket(object_store, BUCKET)


def _all(work: Bucket, results: ResultSet, count: int) -> list[object]:
    pages = [page(work, results, offset, count) for offset in range(0, results.items, count)]
    return [item for items in pages for item in json.loads(b"[" + items + b"]")]


@QUIET
@given(records=st.lists(record, max_size=60))
def test_every_order_of_every_aggregate_is_sorted_as_the_catalog_says(work: Bucket, records: list[Record]) -> None:
    written = write(iter(records), ORDERS, ("TIMESTAMPS", "SEGMENTS"), work, "r/")
    assert len(written) == 4
    for results in written:
        mine = [r for r in records if r.aggregate == results.aggregate]
        by_time = (lambda r: (r.timestamp_ms, -r.confidence, r.name)) if results.sort_by == "TIMESTAMP" else None
        key = by_time or (lambda r: (r.name, -r.confidence, r.timestamp_ms))
        assert _all(work, results, 1000) == [r.body for r in sorted(mine, key=key)]


def test_pages_of_any_size_concatenate_to_the_same_list(work: Bucket) -> None:
    random.seed(7)
    bodies = [{"Timestamp": n, "Text": "ä\u2028\n" * random.randint(0, 9)} for n in range(2 * FRAME_ITEMS + 345)]
    shuffled = [Record(body, int(body["Timestamp"])) for body in random.sample(bodies, len(bodies))]
    (results,) = write(shuffled, ONE, ("TIMESTAMPS",), work, "r/")
    assert len(results.offsets) == 4
    for count in (7, 999, 1000, 1001):
        assert _all(work, results, count) == bodies
    singles = [json.loads(page(work, results, n, 1)) for n in (0, 999, 1000, 1999, 2344)]
    assert singles == [bodies[n] for n in (0, 999, 1000, 1999, 2344)]
    assert page(work, results, results.items, 10) == b""


def test_plain_zstd_reads_the_file(work: Bucket) -> None:
    (results,) = write([Record({"N": n}, n) for n in range(2500)], ONE, ("TIMESTAMPS",), work, "r/")
    assert results.object_key == "r/TIMESTAMP-TIMESTAMPS.jsonl.zst"
    with zstandard.ZstdDecompressor().stream_reader(work.read(results.object_key), read_across_frames=True) as stream:
        lines = stream.read().splitlines()
    assert [json.loads(line)["N"] for line in lines] == list(range(2500))


def test_frames_are_independent(work: Bucket) -> None:
    (results,) = write([Record({"N": n}, n) for n in range(1500)], ONE, ("TIMESTAMPS",), work, "r/")
    second = work.read(results.object_key, results.offsets[1], results.offsets[2])
    assert json.loads(zstandard.ZstdDecompressor().decompress(second).splitlines()[0]) == {"N": 1000}


def test_no_items_make_an_empty_list(work: Bucket) -> None:
    (results,) = write([], ONE, ("TIMESTAMPS",), work, "r/")
    assert (results.items, page(work, results, 0, 1000)) == (0, b"")


def test_what_json_cannot_say_is_refused(work: Bucket) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write([Record({"X": float("nan")}, 0)], ONE, ("TIMESTAMPS",), work, "r/")
