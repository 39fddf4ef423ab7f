"""An installation without processes: real database and stores, and a queue that remembers whom it woke."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.turns import How

SECRET = "0123456789abcdef" * 3
ACCOUNT = "111122223333"


@dataclass(slots=True)
class RememberingQueue:
    """A `JobQueue` whose wake-ups wait until somebody acts on them."""

    plans: int = 0
    chunks: int = 0
    finishes: int = 0
    deliveries: int = 0

    def wake_plan(self, delay_s: float = 0.0) -> None:
        """See `JobQueue`."""
        self.plans += 1

    def waiting_plans(self) -> int | None:
        """See `JobQueue`."""
        return self.plans

    def wake_chunk(self) -> None:
        """See `JobQueue`."""
        self.chunks += 1

    def waiting_chunks(self) -> int | None:
        """See `JobQueue`."""
        return self.chunks

    def wake_finish(self) -> None:
        """See `JobQueue`."""
        self.finishes += 1

    def wake_image(self, letter_id: str, how: How = "turn") -> None:
        """See `JobQueue`."""

    def ping(self) -> None:
        """See `JobQueue`."""

    def wake_delivery(self) -> None:
        """See `JobQueue`."""
        self.deliveries += 1

    def forget(self) -> None:
        """Loses everything, as a broker may."""
        self.plans = self.deliveries = self.chunks = self.finishes = 0


@pytest.fixture
def queue() -> RememberingQueue:
    """A queue that wakes nobody."""
    return RememberingQueue()


@pytest.fixture
def services(engine: Engine, database_url: str, tmp_path: Path, queue: RememberingQueue) -> Iterator[Services]:
    """Services over an empty database and directories."""
    settings = Settings(
        patience_s=0,  # faults that are made do not pass
        data_dir=tmp_path,
        database_url=database_url,
        secret_key=SECRET,
        linger_s=0.0,
        lease_s=30.0,
        chunk_s=1.0,
    )
    services = Services.from_settings(settings, queue)
    services.prepare()
    services.objects.create_bucket("videos")
    yield services
    services.close()
