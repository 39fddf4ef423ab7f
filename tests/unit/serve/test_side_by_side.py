"""The process that answers requests on images in threads: it ends itself when one of them is stuck, and starts with what can be loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.cache import Cache
from pipeline.models.library import Library
from tests.support.models import adding
from workers.side_by_side import SideBySide

STUCK = """
import sys, threading, time
from pathlib import Path
from pipeline.models.library import Library
from workers.side_by_side import SideBySide

shared = SideBySide(Library(Path(sys.argv[1])), 0.0, 1.0, lambda message: print("given back", message, flush=True))
shared.preload()

def work(message, seconds):
    with shared.request(message) as models:
        assert not models.has("face-yunet")
        time.sleep(seconds)

threads = [threading.Thread(target=work, args=(f"quick{n}", 0.2), daemon=True) for n in range(4)]
threads.append(threading.Thread(target=work, args=("stuck", 60), daemon=True))
for thread in threads:
    thread.start()
time.sleep(0.7)
threading.Thread(target=work, args=("young", 60), daemon=True).start()
time.sleep(60)
print("still there")
"""


def test_a_stuck_request_ends_the_process_and_gives_the_others_back(tmp_path: object) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STUCK, str(tmp_path)], check=False, capture_output=True, text=True, timeout=50
    )
    assert ended.returncode == 70, ended.stderr
    assert [line for line in ended.stdout.splitlines() if "image_worker_stuck" not in line] == ["given back young"]


def test_a_damaged_model_does_not_keep_the_others_from_being_loaded(tmp_path: Path) -> None:
    library, cache = Library(tmp_path), Cache(tmp_path)
    for name in ("face-yunet", "face-sface"):
        cache.write(library.entries[name], adding(1.0), {})
    cache.path(library.entries["face-yunet"]).write_bytes(b"damaged")
    shared = SideBySide(library, 0.0, 60.0, print)
    shared.preload()
    with shared.request("one") as models:
        with pytest.raises(ModelError, match="face-yunet"):
            models.load("face-yunet")
        assert "face-sface" in models.runs(), "it was loaded before anybody asked"
