"""What a process imports before it can begin: little of it is what only others need."""

import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "av", "onnx", "onnxruntime", "boto3", "alembic", "flower")
API = "import api.commands.serve, api.serve.listen"
WORKER = "import workers.tasks; workers.tasks.load('{}@host')"


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        pytest.param(API, set(), id="api"),
        pytest.param("import workers.clock", set(), id="beat"),
        pytest.param(WORKER.format("notify"), {"boto3"}, id="notify"),
        pytest.param(WORKER.format("control"), {"boto3", "numpy", "av"}, id="control"),
    ],
)
def test_nothing_heavy_is_imported_that_the_process_does_not_use(code: str, allowed: set[str]) -> None:
    found = f"{code}; import sys; print(*({set(HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True, timeout=120)
    assert set(done.stdout.split()) <= allowed
