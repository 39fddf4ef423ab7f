"""A running `reelsight serve` of real processes, and the user's side of it; `tests.support.many_machines` is the other shape."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
ROLE = "arn:aws:iam::000000000000:role/AnyRole"
_clients = itertools.count()
SERVE, COMPOSE = "serve", "compose"
"""The two shapes: this one, and that of `tests.support.many_machines`."""
ONE_TRY = Config(retries={"total_max_attempts": 1})


@dataclass(slots=True)
class Service:
    """One installation in a folder; can be killed and started again.

    Attributes:
        folder: Its data directory.
        settings: REELSIGHT_ variables it is started with.
        options: Further options of `serve`.
        endpoints: URLs of every api process; clients are spread over them.
    """

    folder: Path
    settings: Mapping[str, str]
    options: tuple[str, ...] = ()
    process: "subprocess.Popen[str] | None" = None
    endpoint: str = ""
    endpoints: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def command(self) -> list[str]:
        """What runs all of it, on free ports."""
        free_ports = ("--port", "0", "--tls-port", "0")
        return [sys.executable, "-m", "api.cli", "serve", "--data-dir", str(self.folder), *free_ports, *self.options]

    def environment(self) -> dict[str, str]:
        """What it is started with."""
        return {**os.environ, **{f"REELSIGHT_{k.upper()}": v for k, v in self.settings.items()}}

    def client_environment(self) -> dict[str, str]:
        """Settings of a command that is to work on this installation."""
        return {**self.environment(), "REELSIGHT_DATA_DIR": str(self.folder)}

    def start(self, timeout_s: float = 120) -> None:
        """Starts it and waits for its ready line."""
        environment = {**self.environment(), "PYTHONWARNINGS": ""}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=ROOT
            )
        timer = threading.Timer(timeout_s, self.process.kill)
        timer.start()
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("ready "):
                self.endpoints = line.split()[1:]
                self.endpoint = self.endpoints[0]
                break
        timer.cancel()
        assert self.process.poll() is None, f"serve did not start:\n{self.log()[-6000:]}"

    def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 90) -> int:
        """Sends the signal and waits for the end; the exit status."""
        assert self.process
        assert self.process.stdout
        self.process.send_signal(number)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.process.stdout.close()
        return status

    def log(self) -> str:
        """Everything it has logged."""
        return (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")

    def client(self, name: str, **config: Any) -> Any:
        """A boto3 client as the README tells a new user to make one."""
        key, secret = self.credentials()
        return boto3.client(
            name,
            endpoint_url=self.endpoints[next(_clients) % len(self.endpoints)],
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(**config) if config else None,
        )

    def credentials(self) -> tuple[str, str]:
        """Access key id and secret of the first start."""
        values = dict(
            line.split(" = ") for line in (self.folder / "credentials").read_text().splitlines() if " = " in line
        )
        return values["aws_access_key_id"], values["aws_secret_access_key"]

    def put(self, bucket: str, name: str, path: Path) -> dict[str, Any]:
        """Makes a file an S3 object; its Video member."""
        place = self.folder / "buckets" / bucket / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
        return {"S3Object": {"Bucket": bucket, "Name": name}}

    def cli(self, *arguments: str) -> str:
        """Output of a `reelsight` command on this installation."""
        command = [sys.executable, "-m", "api.cli", *arguments, "--data-dir", str(self.folder)]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=self.environment(), timeout=60
        ).stdout

    def processes(self) -> dict[int, str]:
        """pid -> command line of every process of this installation, the supervisor included."""
        return {pid: command for pid, command in _commands() if self._owns(pid, command)}

    def kill(self, *parts: str) -> list[int]:
        """SIGKILL to every process whose command line contains one of `parts`; which they were."""
        found = [pid for pid, command in self.processes().items() if any(part in command for part in parts)]
        assert found, f"no process of {parts}"
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found

    def _owns(self, pid: int, command: str) -> bool:
        if str(self.folder) in command:
            return True
        with contextlib.suppress(OSError):
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            return any(name + str(self.folder).encode() in variables for name in (b"REELSIGHT_DATA_DIR=", b"COMPOSED="))
        return False


def _commands() -> Iterator[tuple[int, str]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:
                    yield int(entry.name), command


def wait_until(condition: Callable[[], T], timeout_s: float = 120, poll_s: float = 0.1) -> T:
    """The first true value of `condition`; fails with its name after the timeout."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(poll_s)
    raise AssertionError(f"not within {timeout_s} s: {condition}")


def pages(get: Callable[..., dict[str, Any]], job: str, size: int = 1000, **arguments: Any) -> Iterator[dict[str, Any]]:
    """All pages of a Get operation, each asked for when it is wanted."""
    token: dict[str, str] = {}
    while True:
        page = get(JobId=job, MaxResults=size, **arguments, **token)
        yield page
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}
