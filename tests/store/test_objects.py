"""One suite for every object store."""

from pathlib import Path

import pytest

from pipeline.objects.types import Bucket, NoSuchObjectError, ObjectChangedError, ObjectStore
from tests.support.stores import BUCKET, object_store, s3_endpoint, s3_settings

__all__ = ["object_store", "s3_endpoint", "s3_settings"]


def test_head_tells_size_and_an_etag_that_changes_with_the_content(object_store: ObjectStore) -> None:
    object_store.put(BUCKET, "a/video.mp4", b"12345")
    first = object_store.head(BUCKET, "a/video.mp4")
    object_store.put(BUCKET, "a/video.mp4", b"54321")
    assert first.size_bytes == 5
    assert first.last_modified.tzinfo is not None
    assert object_store.head(BUCKET, "a/video.mp4").etag != first.etag


@pytest.mark.parametrize(("bucket", "key"), [(BUCKET, "none"), ("no-such-bucket", "a"), (BUCKET, "a")])
def test_what_is_not_there_has_no_head_and_no_content(object_store: ObjectStore, bucket: str, key: str) -> None:
    object_store.put(BUCKET, "a/b", b"x")
    with pytest.raises(NoSuchObjectError):
        object_store.head(bucket, key)
    with pytest.raises(NoSuchObjectError):
        object_store.read(bucket, key)


def test_a_version_that_the_store_lacks_does_not_exist(object_store: ObjectStore) -> None:
    object_store.put(BUCKET, "a", b"x")
    with pytest.raises(NoSuchObjectError):
        object_store.head(BUCKET, "a", "no-such-version")


@pytest.mark.parametrize(
    "key", ["plain", "with space & ?#%", "ünï/cödé/视频.mp4", "e\u0301", "a'b\"c", "-dash", "x" * 200]
)
def test_names_are_kept(object_store: ObjectStore, key: str) -> None:
    object_store.put(BUCKET, key, b"x")
    assert object_store.read(BUCKET, key) == b"x"
    assert list(object_store.list(BUCKET)) == [key]


def test_ranges(object_store: ObjectStore) -> None:
    object_store.put(BUCKET, "a", b"0123456789")
    assert object_store.read(BUCKET, "a", 2, 5) == b"234"
    assert object_store.read(BUCKET, "a", 7) == b"789"
    assert object_store.read(BUCKET, "a", 8, 100) == b"89"
    assert object_store.read(BUCKET, "a", 4, 4) == b""


def test_files_arrive_whole(object_store: ObjectStore, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40_000
    (tmp_path / "source").write_bytes(content)
    object_store.put_file(BUCKET, "big", tmp_path / "source")
    etag = object_store.head(BUCKET, "big").etag
    with object_store.local_path(BUCKET, "big", etag) as path:
        assert path.read_bytes() == content


def test_a_local_path_insists_on_the_etag(object_store: ObjectStore) -> None:
    object_store.put(BUCKET, "a", b"12345")
    etag = object_store.head(BUCKET, "a").etag
    object_store.put(BUCKET, "a", b"54321")
    with pytest.raises(ObjectChangedError), object_store.local_path(BUCKET, "a", etag):
        pass


def test_listing_by_prefix_and_deleting_a_folder(object_store: ObjectStore) -> None:
    bucket = Bucket(object_store, BUCKET)
    for key in ("passes/1/a", "passes/1/b/c", "passes/12/a", "results/1"):
        bucket.put(key, b"x")
    assert sorted(bucket.list("passes/1/")) == ["passes/1/a", "passes/1/b/c"]
    assert sorted(bucket.list("passes/1")) == ["passes/1/a", "passes/1/b/c", "passes/12/a"]
    assert bucket.delete_folder("passes/1/") == 2
    assert sorted(bucket.list()) == ["passes/12/a", "results/1"]
    assert bucket.delete_folder("passes/1/") == 0


def test_deleting_what_is_not_there_is_no_error(object_store: ObjectStore) -> None:
    object_store.delete(BUCKET, "none")
    object_store.create_bucket(BUCKET)
    assert list(object_store.list(BUCKET)) == []
