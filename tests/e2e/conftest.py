"""One service for the tests that leave it healthy, a fresh one for those that do not; both shapes of it.

Tests marked `both_shapes` run on `reelsight serve` and on what compose.yaml runs; they go through every door. With
REELSIGHT_TEST_SHAPES=all, every test that uses `service` does.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.many_machines import ManyMachines
from tests.support.service import Service

FAST = {"sweep_s": "1", "lease_s": "6", "log_level": "INFO"}
"""Faults are noticed in seconds instead of minutes."""
SERVE, COMPOSE = "serve", "compose"
ALL_SHAPES = os.environ.get("REELSIGHT_TEST_SHAPES") == "all"  # read before tests are kept from seeing settings


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves tests that are not meant for it out of the second shape."""
    left_out = {item for item in items if _shape(item) == COMPOSE and not item.get_closest_marker("both_shapes")}
    if left_out and not ALL_SHAPES:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def _shape(item: pytest.Item) -> object:
    return item.callspec.params.get("service") if hasattr(item, "callspec") else None


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
