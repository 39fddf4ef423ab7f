"""A real installation in one of two shapes, with the handles that faults need."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from redis import Redis
from sqlalchemy import Engine

from tests.support.chaos.processes import Machine, wait_for

BUCKET = "videos"
ACCOUNTS = ("000000000000", "111122223333")
REELSIGHT = (sys.executable, "-m", "api.cli")
SETTINGS: Mapping[str, str] = {
    "LEASE_S": "8", "SWEEP_S": "1", "LINGER_S": "0.3", "CHUNK_S": "2", "STOP_S": "3", "PATIENCE_S": "10", "CONCURRENCY": "1",
    "THREADS": "1",
    "WEBHOOK_TIMEOUT_S": "3", "WEBHOOK_NETWORKS": '["127.0.0.0/8"]', "LOG_LEVEL": "INFO",
}  # fmt: skip
"""Faults are noticed in seconds instead of minutes, and clips of seconds have several chunks."""
CLOCK = Path(__file__).resolve().parent / "clock"


@dataclass(slots=True)
class Installation(ABC):
    """What both shapes have.

    Attributes:
        folder: Everything it keeps, its temporary files included.
        models: Pulled models.
        seed: Of what its proxies throw dice for.
        disk_mb: Size of the disk that its machines work on; 0: that of `folder`, which is not to be filled.
        more: Further settings.
    """

    folder: Path
    models: Path
    seed: int
    disk_mb: int = 0
    more: Mapping[str, str] = field(default_factory=dict)
    machines: list[Machine] = field(default_factory=list, init=False)
    ports: list[int] = field(default_factory=list, init=False)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict, init=False)

    @abstractmethod
    def start(self) -> None:
        """Starts all of it and waits until it is ready."""

    @abstractmethod
    def stop(self) -> None:
        """Stops all of it."""

    @abstractmethod
    def put(self, name: str, path: Path) -> None:
        """Makes a file an object of `BUCKET`."""

    @abstractmethod
    def engine(self) -> Engine:
        """The database, past everything that faults are injected into."""

    @abstractmethod
    def broker(self) -> Redis:
        """The broker, likewise."""

    @abstractmethod
    def work_keys(self) -> list[str]:
        """Every file among our own objects, partial ones included."""

    @property
    def temporary(self) -> Path:
        """Where its processes put temporary files."""
        return self.folder / "tmp"

    @property
    def disk(self) -> Path:
        """The disk that can be filled."""
        return self.folder / "disk"

    def environment(self, data_dir: Path, clock: Path, **more: str) -> dict[str, str]:
        """What a machine is started with."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("REELSIGHT_", "AWS_"))}
        settings = {**SETTINGS, "MODELS_DIR": str(self.models), "DATA_DIR": str(data_dir), **more, **self.more}
        return {
            **own,
            **{f"REELSIGHT_{name}": value for name, value in settings.items()},
            "TMPDIR": str(self.temporary),
            "PYTHONPATH": os.pathsep.join((str(CLOCK), str(CLOCK.parents[3]))),
            "PYTHONWARNINGS": "",
            "CHAOS_CLOCK": str(clock),
        }

    def prepare(self) -> None:
        """Makes the folders, on a disk of their own where one is wanted."""
        self.temporary.mkdir(parents=True)
        self.disk.mkdir()
        if self.disk_mb:
            command = ["mount", "-t", "tmpfs", "-o", f"size={self.disk_mb}m", "chaos", str(self.disk)]
            subprocess.run(command, check=True)

    def clock(self, machine: int) -> Path:
        """The file that says how wrong the clock of a machine is."""
        return self.folder / f"clock{machine}"

    def create_keys(self) -> None:
        """An access key for every account."""
        for account in ACCOUNTS:
            made = json.loads(self.cli("keys", "create", "--account", account))
            self.keys[account] = (made["AccessKeyId"], made["SecretAccessKey"])

    def cli(self, *arguments: str) -> str:
        """Output of a `reelsight` command on the installation."""
        done = subprocess.run(
            [*REELSIGHT, *arguments], env=self.machines[0].environment, capture_output=True, text=True, check=True, timeout=120
        )  # fmt: skip
        return done.stdout

    def client(self, name: str, account: str, api: int) -> Any:
        """A boto3 client of one api process that tries once."""
        key, secret = self.keys[account]
        config = Config(connect_timeout=3, read_timeout=20, retries={"total_max_attempts": 1})
        return boto3.client(
            name, endpoint_url=f"http://127.0.0.1:{self.ports[api]}", region_name="us-east-1", aws_access_key_id=key,
            aws_secret_access_key=secret, config=config,
        )  # fmt: skip

    def ready(self, api: int) -> bool:
        """Whether an api process and all that it needs answer."""
        url = f"http://127.0.0.1:{self.ports[api]}/ready"
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
        return False

    def await_ready(self, timeout_s: float = 300) -> None:
        """Waits until every api process is ready.

        Raises:
            TimeoutError: one is not.
        """
        for api in range(len(self.ports)):
            wait_for(lambda api=api: self.ready(api), timeout_s, f"api {api} of {self.folder} is ready")  # type: ignore[misc]

    def stop_machines(self) -> None:
        """Stops what the supervisors run."""
        for machine in self.machines:
            if machine.lives():
                machine.stop()

    def remove(self) -> None:
        """Deletes all that it kept."""
        if self.disk_mb:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
