"""Where the tests find media and models, and what they do without."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No example is judged by how long it takes: machines are shared. In CI the examples are the same every time.
settings.register_profile(
    "reelsight",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.load_profile("reelsight")


@pytest.hookimpl(trylast=True)  # pytest-randomly shuffles first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Has files with slow tests begin first, so that of processes side by side none is left with a long one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips with ground truth."""
    folder = Path(os.environ.get("REELSIGHT_TEST_MEDIA", ROOT.parent / "shared" / "media"))
    if not (folder / "truth").is_dir():
        pytest.skip(f"no test media at {folder}; set REELSIGHT_TEST_MEDIA")
    return folder


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of pulled models."""
    folder = Path(os.environ.get("REELSIGHT_MODELS_DIR", ROOT / "data" / "models"))
    if not folder.is_dir() or not any(folder.iterdir()):
        pytest.skip(f"no models at {folder}; run `reelsight models pull`")
    return folder


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's own installation or credentials."""
    for name in list(os.environ):
        if (
            name.startswith("REELSIGHT_") and name not in {"REELSIGHT_TEST_MEDIA", "REELSIGHT_MODELS_DIR"}
        ) or name.startswith("AWS_"):
            monkeypatch.delenv(name)
