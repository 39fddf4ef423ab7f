"""Videos, detections and results in S3."""

from collections.abc import Iterator

import pytest

from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.brightness import BRIGHTNESS, Watch, watch
from tests.support.conducting import drain, items, start
from tests.support.jobs_installation import SECRET, RememberingQueue, queue
from tests.support.small_video import write_video
from tests.support.stores import s3_endpoint, s3_settings

__all__ = ["queue", "s3_endpoint", "s3_settings", "watch"]


@pytest.fixture
def services(s3_settings: Settings, queue: RememberingQueue) -> Iterator[Services]:
    changes = {"secret_key": SECRET, "linger_s": 0.0, "chunk_s": 1.0}
    services = Services.from_settings(Settings(**{**s3_settings.model_dump(), **changes}), queue)
    services.prepare()
    services.objects.create_bucket("videos")
    yield services
    services.close()


def test_a_video_in_s3_is_fetched_once_and_analysed(services: Services, queue: RememberingQueue, watch: Watch) -> None:
    clip = services.settings.data_dir / "clip.mp4"
    write_video(clip)
    services.objects.put_file("videos", "clip.mp4", clip)
    job_id = start(services, BRIGHTNESS)
    drain(services, queue)
    assert [item["Frame"] for item in items(services, BRIGHTNESS, job_id)] == list(range(40))
    cached = [path for path in (services.settings.data_dir / "cache" / "videos").iterdir() if not path.suffix]
    assert [path.read_bytes() for path in cached] == [clip.read_bytes()]
    assert services.work.delete_folder(f"results/{job_id}/") == 1
