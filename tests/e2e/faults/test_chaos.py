"""The short version of `scripts/chaos.py` on both shapes: faults of every part of an installation in half a minute, nothing lost."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.service import wait_until

ROOT = Path(__file__).resolve().parents[3]
SEED = 3947
"""Of a schedule that begins with most of the worst: in a short run on a slow machine there is no second round."""

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(900)]


def chaos(media: Path, models_dir: Path, *options: str) -> list[str]:
    """The command line."""
    given = ["--media", str(media), "--models", str(models_dir), "--seed", str(SEED), *options]
    return [sys.executable, str(ROOT / "scripts" / "chaos.py"), *given]


@pytest.mark.parametrize("shape", ["one", "many"])
def test_nothing_is_lost_in_half_a_minute_of_chaos(shape: str, media: Path, models_dir: Path, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    command = chaos(media, models_dir, "--shape", shape, "--minutes", "0.5", "--json", str(told))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    values: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
    assert values["faults injected"] > 5
    assert values["jobs accepted"] > 0
    assert values["jobs succeeded"] + values["jobs failed, naming the fault"] == values["jobs accepted"]
    assert values["notifications delivered"] == values["notifications expected"] > 0


def test_chaos_that_is_interrupted_ends_what_it_has_started(media: Path, models_dir: Path, tmp_path: Path) -> None:
    command = chaos(media, models_dir, "--minutes", "10", "--json", str(tmp_path / "none"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        below = wait_until(lambda: {child.pid for child in psutil.Process(process.pid).children(recursive=True)})
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert process.returncode != 0
    assert not [pid for pid in below if psutil.pid_exists(pid)]
    assert not (tmp_path / "none").exists()
