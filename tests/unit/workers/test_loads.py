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


def test_what_is_there_before_the_fork_is_not_looked_through_for_garbage() -> None:
    """Nor by the children, who still look through what they make themselves."""
    code = f"""{WORKER.format("video")}
import gc, os, sys, weakref
class Loop: pass
read = sys.modules["pipeline.media.reader"].__dict__
def told():
    loop = Loop()
    loop.me, gone = loop, weakref.ref(loop)
    del loop
    gc.collect()
    print(any(one is read for one in gc.get_objects()), gone() is None, flush=True)
told()
if os.fork() == 0:
    told()
    os._exit(0)
os.wait()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["False", "True"] * 2
