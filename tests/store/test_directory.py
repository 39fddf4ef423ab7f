"""What only a directory store has to fear: names and links that lead elsewhere."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.objects.directory import DirectoryStore
from pipeline.objects.types import NoSuchObjectError

EVIL = ["../secret", "a/../../secret", "/etc/passwd", "a//b", "./a", "a/.", "..", "", "a/", "a\0b", "\ud800"]


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "buckets" / "b").mkdir(parents=True)
    return DirectoryStore(tmp_path / "buckets")


@pytest.mark.parametrize("key", EVIL)
def test_keys_that_lead_out_do_not_exist(store: DirectoryStore, key: str) -> None:
    with pytest.raises(NoSuchObjectError):
        store.head("b", key)
    with pytest.raises(NoSuchObjectError):
        store.put("b", key, b"x")


@pytest.mark.parametrize("bucket", ["..", ".", "", "b/..", "../buckets/b", "b\0"])
def test_buckets_that_lead_out_do_not_exist(store: DirectoryStore, bucket: str) -> None:
    with pytest.raises(NoSuchObjectError):
        store.head(bucket, "secret")


def test_links_may_not_leave_the_bucket(store: DirectoryStore, tmp_path: Path) -> None:
    (tmp_path / "buckets" / "b" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "buckets" / "b" / "dir").symlink_to(tmp_path)
    (tmp_path / "buckets" / "b" / "loop").symlink_to("loop")
    for key in ("link", "dir/secret", "loop"):
        with pytest.raises(NoSuchObjectError):
            store.head("b", key)


def test_a_link_inside_the_bucket_is_an_object(store: DirectoryStore) -> None:
    store.put("b", "real", b"x")
    (store._root / "b" / "link").symlink_to("real")
    assert store.read("b", "link") == b"x"


def test_a_name_too_long_for_a_file_does_not_exist(store: DirectoryStore) -> None:
    with pytest.raises(NoSuchObjectError):
        store.head("b", "x" * 1024)


@given(key=st.text(max_size=40))
def test_no_key_reads_the_secret(key: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.getbasetemp() / "walk"
    (root / "buckets" / "b").mkdir(parents=True, exist_ok=True)
    (root / "secret").write_bytes(b"secret")
    with pytest.raises(NoSuchObjectError):
        DirectoryStore(root / "buckets").read("b", key)


def test_empty_directories_go_with_their_last_object(store: DirectoryStore) -> None:
    store.put("b", "x/y/z", b"1")
    store.put("b", "x/w", b"1")
    store.delete("b", "x/y/z")
    assert not (store._root / "b" / "x" / "y").exists()
    store.delete("b", "x/w")
    assert (store._root / "b").is_dir()
    assert not (store._root / "b" / "x").exists()


def test_what_killed_writers_left_is_no_object_and_goes_with_its_folder(store: DirectoryStore) -> None:
    store.put("b", "results/1/whole", b"1")
    for left in ("results/1/.reelsight-partial-a", "results/1/.reelsight-partial-b"):
        (store._root / "b" / left).mkdir()
    (store._root / "b" / "results/1/.reelsight-partial-a/data").write_bytes(b"half")
    assert list(store.list("b")) == ["results/1/whole"]
    assert store.delete_folder("b", "results/1/") == 1
    assert list((store._root / "b").iterdir()) == []
    assert store.delete_folder("b", "results/1/") == 0
