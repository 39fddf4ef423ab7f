"""The secret key of an installation."""

import threading
from pathlib import Path

import pytest

from pipeline.errors import SetupError
from pipeline.secrets import cipher, derive, load_secret_key
from pipeline.settings import Settings


def test_processes_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    settings, keys = Settings(data_dir=tmp_path / "data"), []
    threads = [threading.Thread(target=lambda: keys.append(load_secret_key(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret.key"]


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="32 characters"):
        load_secret_key(Settings(data_dir=tmp_path, secret_key="short"))


def test_purposes_have_keys_of_their_own() -> None:
    assert derive(b"s" * 32, "a") != derive(b"s" * 32, "b")
    assert derive(b"s" * 32, "a") != derive(b"t" * 32, "a")
    assert cipher(b"s" * 32, "a").decrypt(cipher(b"s" * 32, "a").encrypt(b"x")) == b"x"
