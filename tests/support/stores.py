"""Empty object stores of both kinds; S3 is a real server of rclone over a folder."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.objects.directory import DirectoryStore
from pipeline.objects.s3 import S3Store, s3_client
from pipeline.objects.types import ObjectStore
from pipeline.settings import Settings

BUCKET = "videos"
S3_KEY, S3_SECRET = "test-key", "test-secret"


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a private S3 server."""
    root, port = tmp_path_factory.mktemp("s3"), _free_port()
    address = f"127.0.0.1:{port}"
    (root / "data").mkdir()
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(rclone_command(root / "data", port, S3_KEY, S3_SECRET), stdout=log, stderr=log)
    try:
        _await_port(process, port)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(10)


def rclone_command(data: Path, port: int, key: str, secret: str) -> list[str]:
    """Serves S3 over a folder; the test is skipped where rclone is not installed."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if program is None:
        pytest.skip("rclone is not installed")
    options = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{key},{secret}", "--config", str(data.parent / "none")]
    return [program, "serve", "s3", *options, str(data)]


@pytest.fixture
def s3_settings(s3_endpoint: str, tmp_path: Path) -> Settings:
    """Settings that keep objects in S3."""
    return Settings(
        data_dir=tmp_path, s3_endpoint_url=s3_endpoint, s3_access_key_id=S3_KEY, s3_secret_access_key=S3_SECRET
    )


@pytest.fixture(params=["directory", "s3"])
def object_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """A store with an empty bucket `BUCKET`."""
    if request.param == "directory":
        store: ObjectStore = DirectoryStore(tmp_path / "buckets")
        store.create_bucket(BUCKET)
        yield store
        return
    client = s3_client(request.getfixturevalue("s3_settings"))
    store = S3Store(client, tmp_path / "cache", 1_000_000)
    store.create_bucket(BUCKET)
    for key in list(store.list(BUCKET)):
        store.delete(BUCKET, key)
    yield store
    client.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail("rclone did not serve")
