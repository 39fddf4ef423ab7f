"""Installations without processes: real database and stores, and a queue that wakes nobody."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from pipeline.catalog import OPERATIONS
from pipeline.conduct.submit import submit
from pipeline.jobs.queue_types import JobQueue
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import collections
from pipeline.store.engine import writing
from pipeline.store.metadata import utcnow

ACCOUNT = "0" * 12
VIDEO = {"S3Object": {"Bucket": "videos", "Name": "video.mp4"}}
COLLECTION = "people"


class Nobody:
    """A queue whose messages nobody takes: whoever measures does the work himself, step by step."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


@contextmanager
def installation(folder: Path, chunk_s: float = 120.0) -> Iterator[Services]:
    """The installation in a folder, made if it is not there."""
    settings = Settings(
        data_dir=folder, database_url=None, broker_url=None, chunk_s=chunk_s, linger_s=0.0, log_level="ERROR"
    )
    services = Services.from_settings(settings, cast("JobQueue", Nobody()))
    services.prepare()
    services.objects.create_bucket("videos")
    try:
        yield services
    finally:
        services.close()


def video_of(folder: Path) -> Path:
    """Where the video of an installation lies."""
    path = folder / "buckets" / "videos" / "video.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def submitted(services: Services, names: Sequence[str]) -> Mapping[str, str]:
    """Operation -> id of a new job for the video."""
    with writing(services.engine) as connection:
        if collections.find(connection, ACCOUNT, COLLECTION) is None:
            collections.create(connection, ACCOUNT, COLLECTION, "us-east-1", utcnow())
    return {
        name: submit(services, ACCOUNT, OPERATIONS[name], {"Video": VIDEO, **request_of(name)})["JobId"]
        for name in names
    }


def request_of(name: str) -> Mapping[str, Any]:
    """The members of a request that leaves nothing out."""
    operation = OPERATIONS[name]
    return {**operation.minimal, operation.collection: COLLECTION} if operation.collection else operation.minimal


def result_bytes(services: Services, ids: Mapping[str, str]) -> int:
    """Bytes of the results of these jobs."""
    folder = services.settings.data_dir / "work" / "results"
    return sum(path.stat().st_size for job in ids.values() for path in (folder / job).rglob("*") if path.is_file())
