"""How workers for images are started."""

import pytest

from api.commands import processes
from pipeline.settings import Settings


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.models.threads.cores", lambda: 8)


@pytest.mark.parametrize(
    ("settings", "concurrency", "pool", "children", "threads"),
    [
        (Settings(), None, "prefork", "2", "4"),
        (Settings(), 4, "prefork", "4", "2"),
        (Settings(image_children=1), None, "prefork", "1", "8"),
        (Settings(threads=3), None, "prefork", "2", "3"),
        (Settings(image_threads=4), None, "threads", "4", "8"),
        (Settings(device="cuda"), None, "threads", "16", "8"),
        (Settings(device="tensorrt", image_threads=6), None, "threads", "6", "8"),
    ],
)
def test_they_share_the_cores(
    settings: Settings, concurrency: int | None, pool: str, children: str, threads: str
) -> None:
    command = processes.worker_command("images", settings, concurrency)
    assert (command[command.index("--pool") + 1], command[command.index("--concurrency") + 1]) == (pool, children)
    environment = processes.worker_environment("images", settings, concurrency)
    assert environment["REELSIGHT_THREADS"] == threads
    assert ("REMAP_SIGTERM" in environment) == (pool == "prefork")


def test_a_gpu_that_also_decodes_video_does_one_thing_at_a_time() -> None:
    command = processes.worker_command("video,images", Settings(device="cuda"))
    assert command[command.index("--pool") + 1] == "solo"


def test_other_workers_keep_the_threads_of_the_settings() -> None:
    for queues in ("video", "video,images", "control", "notify"):
        assert "REELSIGHT_THREADS" not in processes.worker_environment(queues, Settings())
