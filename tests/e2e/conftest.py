"""One service for the tests that leave it healthy, a fresh one for those that do not.

Whatever uses `service` runs on both of its shapes: on `reelsight serve`, and on what compose.yaml runs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.many_machines import ManyMachines
from tests.support.service import COMPOSE, SERVE, Service

FAST = {"sweep_s": "1", "lease_s": "6", "log_level": "INFO"}
"""Faults are noticed in seconds instead of minutes."""


def _stopped(service: Service) -> None:
    if service.process and service.process.poll() is None:
        service.stop()


@pytest.fixture(scope="session")
def many_machines(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[ManyMachines]:
    """What compose.yaml runs, shared by all tests that leave it healthy; its chunks are short, so that workers share videos."""
    folder = tmp_path_factory.mktemp("many")
    running = ManyMachines(folder, {**FAST, "chunk_s": "10", "models_dir": str(models_dir)})
    try:
        running.start()
        yield running
    finally:
        _stopped(running)
        running.remove()


@pytest.fixture(scope="module", params=[SERVE, COMPOSE])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, models_dir: Path
) -> Iterator[Service]:
    """A running service shared by a module's tests, in one of two shapes."""
    if request.param == COMPOSE:
        yield request.getfixturevalue("many_machines")
        return
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
