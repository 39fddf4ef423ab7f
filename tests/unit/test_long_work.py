"""Work that is known to take long keeps a lease although no frame gets done; nothing else does."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from pipeline import process
from pipeline.conduct.progress import Progress
from pipeline.jobs.types import Chunk, ChunkState
from pipeline.process import is_at_long_work, long_work


def test_a_process_is_at_long_work_while_a_thread_of_it_is() -> None:
    begun, over = threading.Event(), threading.Event()

    def work() -> None:
        with long_work():
            begun.set()
            over.wait(10)

    thread = threading.Thread(target=work)
    assert not is_at_long_work()
    thread.start()
    assert begun.wait(10)
    assert is_at_long_work()
    over.set()
    thread.join()
    assert not is_at_long_work()


def test_work_that_fails_is_over() -> None:
    with pytest.raises(ValueError, match="no engine"), long_work():
        raise ValueError("no engine")
    assert not is_at_long_work()


def test_what_takes_too_long_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LONG_S", 0.0)
    with long_work():
        assert not is_at_long_work()


def test_only_long_work_renews_the_lease_between_frames() -> None:
    """The database, which has no tables, is asked when the lease is renewed."""
    chunk = Chunk(
        id="0" * 32, pass_id="1" * 32, operation=None, start=0, stop=9, state=ChunkState.RUNNING, attempt=1, lost=0,
        lease_until=datetime(2026, 1, 1, tzinfo=UTC), frames_done=0, found={},
    )  # fmt: skip
    progress = Progress(create_engine("sqlite://"), chunk, [], 60.0)
    progress.from_now_on_by_frames()
    assert progress.renew()
    with long_work(), pytest.raises(OperationalError, match="no such table"):
        progress.renew()
    assert progress.renew()
