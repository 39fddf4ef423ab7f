"""Wake-ups for finishing where slots are few: whoever has one goes on with what others had to leave, and then stops."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.conduct.finish import finish_in_slot
from pipeline.conduct.plan import plan
from pipeline.conduct.turn import Report
from pipeline.services import Services
from tests.support.brightness import BRIGHTNESS, Watch, watch
from tests.support.conducting import WORKER, analyze, items, start
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import RememberingQueue, queue, services
from tests.support.small_video import write_video

__all__ = ["database_url", "engine", "postgres_server", "queue", "services", "watch"]


@pytest.fixture(autouse=True)
def _clip(services: Services, watch: Watch) -> None:
    write_video(services.settings.buckets_path / "videos" / "clip.mp4")


def _finish(services: Services, free: bool, meanwhile: Callable[[], object] = lambda: None) -> Report | None:
    """What a worker did; `meanwhile` happens when it is done and still holds its slot."""

    @contextmanager
    def slot() -> Iterator[bool]:
        yield free
        meanwhile()

    return finish_in_slot(services, WORKER, slot())


def test_a_wake_up_that_found_no_slot_is_made_up_for(services: Services, queue: RememberingQueue) -> None:
    job_id = start(services, BRIGHTNESS)
    plan(services)

    def others_go_on() -> None:
        while analyze(services):
            pass
        queue.forget()
        assert _finish(services, free=False) is None
        assert queue.finishes == 0, "whoever has no slot asks nobody"

    assert _finish(services, free=True, meanwhile=others_go_on) is None
    assert queue.finishes == 1
    queue.forget()
    report = _finish(services, free=True)
    assert report
    assert report.done
    assert len(items(services, BRIGHTNESS, job_id)) == 40
    assert queue.finishes == 0, "nothing waits: nobody is asked any more"
