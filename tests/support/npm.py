"""Packages of npm that stand for real clients, installed on demand and kept between runs."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

PATIENCE_S = 150
"""An install that has not come by then is not coming; pytest's own limit is longer."""
OPTIONS = ("--no-audit", "--no-fund", "--no-save", "--fetch-retries", "1", "--fetch-timeout", "30000")


def installed(config: pytest.Config, package: str) -> Path:
    """A folder whose `node_modules` has the package (`name` or `name@version`); skips the test where it cannot be had."""
    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        pytest.skip("node and npm are not installed")
    name = package if "@" not in package[1:] else package.rpartition("@")[0]
    folder = Path(config.cache.mkdir(f"npm-{name.replace('/', '-').strip('@')}")) if config.cache else Path()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run side by side share the folder
        if not (folder / "node_modules" / name / "package.json").exists():
            _install([npm, "install", *OPTIONS, "--prefix", str(folder), package], folder)
    return folder


def _install(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S, cwd=folder)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {command[-1]} within {PATIENCE_S} s")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm could not install {command[-1]}: {error.stderr.strip()[-300:]}")
