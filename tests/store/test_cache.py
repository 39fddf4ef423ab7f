"""The cache of fetched videos."""

import os
import threading
from pathlib import Path

import pytest

from pipeline.objects.cache import FileCache


def _writes(content: bytes, calls: list[bytes] | None = None):  # type: ignore[no-untyped-def]
    def fetch(target: Path) -> None:
        if calls is not None:
            calls.append(content)
        target.write_bytes(content)

    return fetch


def _contents(directory: Path) -> set[bytes]:
    return {path.read_bytes() for path in directory.iterdir() if not path.suffix}


def test_a_file_is_fetched_once_by_all_who_want_it_at_once(tmp_path: Path) -> None:
    calls: list[bytes] = []
    read: list[bytes] = []

    def use() -> None:
        with FileCache(tmp_path, 100).file(("a",), _writes(b"x", calls)) as path:
            read.append(path.read_bytes())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (read, calls) == ([b"x"] * 8, [b"x"])


def test_the_least_recently_used_file_goes_first(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 10)
    for name in ("a", "b"):
        with cache.file((name,), _writes(name.encode() * 5)) as path:
            pass
        os.utime(path, (1 if name == "b" else 2,) * 2)
    with cache.file(("c",), _writes(b"ccccc")):
        pass
    assert _contents(tmp_path) == {b"aaaaa", b"ccccc"}


def test_a_file_in_use_stays(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, 5)
    with cache.file(("a",), _writes(b"aaaaa")) as held, cache.file(("b",), _writes(b"bbbbb")):
        assert held.read_bytes() == b"aaaaa"
    with cache.file(("c",), _writes(b"ccccc")):
        assert _contents(tmp_path) == {b"ccccc"}


def test_a_failed_fetch_leaves_nothing(tmp_path: Path) -> None:
    def fail(target: Path) -> None:
        target.write_bytes(b"half")
        raise ConnectionError

    with pytest.raises(ConnectionError), FileCache(tmp_path, 5).file(("a",), fail):
        pass
    assert _contents(tmp_path) == set()
    assert not list(tmp_path.glob("*.partial"))
