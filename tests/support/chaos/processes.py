"""Processes of an installation, found by what they do, and signals to them."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")


class NotNow(Exception):  # noqa: N818 - what happened, not an error
    """There is nothing at the moment that the fault could hit."""


@dataclass(slots=True)
class Machine:
    """One supervisor with all that it has started; can be killed and started again.

    Attributes:
        name: Name in reports.
        command: Starts the supervisor.
        environment: Its whole environment.
        log: Where all of its processes write.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Starts it; returns at once."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def stop(self, timeout_s: float = 90) -> int:
        """Asks it to end and waits; the exit status, -9 where it had to be killed."""
        assert self.process
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9

    def kill(self) -> None:
        """SIGKILL to the supervisor; its children die with it."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def lives(self) -> bool:
        """Whether the supervisor runs."""
        return self.process is not None and self.process.poll() is None

    def children(self, mark: str, *, forked: bool = False) -> list[int]:
        """Pids of the processes started with `mark` in their command; `forked`: of those they have forked, sorted."""
        if not self.lives():
            return []
        assert self.process
        parents, children = [], []
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if mark in " ".join(child.cmdline()):
                        (parents if child.ppid() == self.process.pid else children).append(child.pid)
        return sorted(children if forked else parents)


def send(pid: int, number: signal.Signals) -> None:
    """A signal to a process that may have ended meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def belonging_to(folder: Path) -> dict[int, str]:
    """pid -> command of every process of this user that works in `folder`."""
    return {pid: command for pid, command in _commands(folder) if pid != os.getpid()}


def _commands(folder: Path) -> Iterator[tuple[int, str]]:
    mark = str(folder).encode()
    for process in psutil.process_iter(["pid"]):
        with contextlib.suppress(psutil.Error, OSError):
            command = " ".join(process.cmdline())
            known = Path(f"/proc/{process.pid}/environ").read_bytes()
            if process.pid != os.getppid() and (str(folder) in command or mark in known):
                yield process.pid, command


def wait_for(condition: Callable[[], T], timeout_s: float, what: str, poll_s: float = 0.1) -> T:
    """The first true value of `condition`.

    Raises:
        TimeoutError: there was none in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(poll_s)
    return value
