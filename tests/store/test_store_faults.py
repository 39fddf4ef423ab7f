"""An S3 server that fails, lags, cuts its answers short or hangs up; a disk without room; and what workers make of it."""

import errno
import gc
import resource
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from pipeline.objects.s3 import S3Store, s3_client
from pipeline.objects.types import NoSuchObjectError, ObjectRefusedError, StoreUnavailableError
from pipeline.patience import passing, patiently
from pipeline.settings import Settings
from tests.support.chaos.proxy import FaultyStore, Trouble
from tests.support.stores import BUCKET, s3_endpoint

__all__ = ["s3_endpoint"]

# boto3 leaves connections open whose answers it gave up reading half-way, as when the disk is full; they are collected with each store.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]

CONTENT = bytes(range(256)) * 4096
HARD = (Trouble.ERROR, Trouble.UNAVAILABLE, Trouble.TRUNCATED, Trouble.RESET)


@pytest.fixture
def front(s3_endpoint: str) -> Iterator[FaultyStore]:
    """A proxy before a real server."""
    front = FaultyStore(int(s3_endpoint.rsplit(":", 1)[1]), seed=1)
    yield front
    front.close()


@pytest.fixture
def store(front: FaultyStore, tmp_path: Path) -> Iterator[S3Store]:
    """A store behind the proxy, with one object."""
    settings = Settings(
        data_dir=tmp_path,
        s3_endpoint_url=f"http://127.0.0.1:{front.port}",
        s3_access_key_id="test-key",
        s3_secret_access_key="test-secret",  # type: ignore[arg-type]
    )
    client = s3_client(settings)
    store = S3Store(client, tmp_path / "cache", 10_000_000)
    store.create_bucket(BUCKET)
    store.put(BUCKET, "film", CONTENT)
    yield store
    client.close()
    del store, client
    gc.collect()


@pytest.mark.parametrize("trouble", [Trouble.ERROR, Trouble.TRUNCATED])
def test_an_outage_is_told_from_an_object_that_is_not_there(
    store: S3Store, front: FaultyStore, trouble: Trouble
) -> None:
    front.begin(trouble, 1.0)
    with pytest.raises(StoreUnavailableError):
        store.read(BUCKET, "film")
    front.end()
    assert store.read(BUCKET, "film") == CONTENT
    with pytest.raises(NoSuchObjectError):
        store.read(BUCKET, "no such film")


def test_a_refusal_that_breaks_off_is_an_outage(store: S3Store, front: FaultyStore) -> None:
    front.begin(Trouble.TRUNCATED, 1.0)
    with pytest.raises(StoreUnavailableError):
        store.read(BUCKET, "no such film")


@pytest.mark.parametrize("trouble", HARD)
def test_no_part_of_a_film_is_taken_for_the_whole(
    store: S3Store, front: FaultyStore, trouble: Trouble, tmp_path: Path
) -> None:
    etag = store.head(BUCKET, "film").etag
    front.begin(trouble, 1.0)
    with pytest.raises(StoreUnavailableError), store.local_path(BUCKET, "film", etag):
        pass
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}
    front.end()
    with store.local_path(BUCKET, "film", etag) as path:
        assert path.read_bytes() == CONTENT


def test_a_worker_waits_until_the_store_is_back(store: S3Store, front: FaultyStore) -> None:
    front.begin(Trouble.UNAVAILABLE, 1.0)
    tries: list[int] = []

    def read() -> bytes:
        tries.append(1)
        if len(tries) == 2:
            front.end()
        return store.read(BUCKET, "film")

    assert patiently(read, 60, "film") == CONTENT
    assert len(tries) == 2


def test_a_wrong_signature_is_a_refusal_and_may_pass(front: FaultyStore, store: S3Store, tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        s3_endpoint_url=f"http://127.0.0.1:{front.port}",
        s3_access_key_id="test-key",
        s3_secret_access_key="wrong",  # type: ignore[arg-type]
    )
    with pytest.raises(ObjectRefusedError) as caught:
        S3Store(s3_client(settings), tmp_path, 1).head(BUCKET, "film")
    assert passing(caught.value)


@pytest.mark.parametrize("wrong", [timedelta(minutes=-25), timedelta(minutes=25)])
def test_a_machine_with_a_wrong_clock_does_not_take_films_for_removed(store: S3Store, wrong: timedelta) -> None:
    with time_machine.travel(datetime.now(UTC) + wrong, tick=True):
        for ask in (store.head, store.read):
            with pytest.raises((ObjectRefusedError, StoreUnavailableError)) as caught:
                ask(BUCKET, "film")
            assert passing(caught.value)


def test_without_patience_a_fault_is_raised_at_once() -> None:
    tries: list[int] = []

    def full() -> None:
        tries.append(1)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        patiently(full, 0, "disk")
    assert len(tries) == 1


def test_what_does_not_pass_is_raised_at_once() -> None:
    def wrong() -> None:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        patiently(wrong, 60, "file")


@pytest.fixture
def _small_files() -> Iterator[None]:
    """No file of this process may grow beyond 64 KiB: what a disk does when it is full, without one."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.usefixtures("_small_files")
def test_a_download_that_finds_no_room_leaves_nothing(store: S3Store, tmp_path: Path) -> None:
    etag = store.head(BUCKET, "film").etag
    with pytest.raises(OSError, match="File too large"), store.local_path(BUCKET, "film", etag):
        pass
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}
