"""One service for the tests that leave it healthy, a fresh one for those that do not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.service import Service

FAST = {"sweep_s": "1", "lease_s": "6", "log_level": "INFO"}
"""Faults are noticed in seconds instead of minutes."""


def _stopped(service: Service) -> None:
    if service.process and service.process.poll() is None:
        service.stop()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Service]:
    """A running service shared by a module's tests."""
    running = Service(tmp_path_factory.mktemp("reelsight"), {**FAST, "models_dir": str(models_dir)})
    running.start()
    yield running
    _stopped(running)


@pytest.fixture
def fresh(tmp_path: Path, models_dir: Path) -> Iterator[Callable[..., Service]]:
    """Starts services of one's own."""
    started: list[Service] = []

    def start(*options: str, **settings: str) -> Service:
        folder = tmp_path / f"reelsight{len(started)}"
        service = Service(folder, {**FAST, "models_dir": str(models_dir), **settings}, options)
        started.append(service)
        service.start()
        return service

    yield start
    for service in started:
        _stopped(service)
