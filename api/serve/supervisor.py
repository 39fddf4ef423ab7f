"""Starts, watches and stops the processes of one machine."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from pipeline.process import die_with_parent

log = structlog.get_logger()

RESTART_AFTER_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses before a process that keeps dying is started again; the last one repeats."""
STEADY_S = 60.0
"""A process that lived this long has its pauses forgotten."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running.

    Attributes:
        name: Name in logs.
        command: Argument vector.
        environment: Variables of this program alone.
        stop_s: Seconds it gets between SIGTERM and SIGKILL.
        fds: Descriptors it inherits.
        last: Others need it until they have ended: it is stopped after them.
        is_worker: It gives signs of life, and is started again when they end.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_s: float = 10.0
    fds: tuple[int, ...] = ()
    last: bool = False
    is_worker: bool = False


@dataclass(slots=True)
class Child:
    """A started program."""

    program: Program
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    restart_at: float | None = None
    kill_at: float | None = None


@dataclass(slots=True)
class Supervisor:
    """Runs programs in their order, restarts the dead, stops them in reverse.

    Attributes:
        environment: Environment of every child.
        ailments: Asked often which of these workers, by pid, are silent; pid -> why.
    """

    environment: Mapping[str, str]
    ailments: Callable[[Iterable[int]], Mapping[int, str]] = lambda _: {}
    children: list[Child] = field(default_factory=list)
    stopping: bool = False

    def start(self, program: Program) -> None:
        """Starts a program in a process group of its own: a Ctrl-C at the terminal reaches only the supervisor."""
        self.children.append(Child(program, self._spawn(program), time.monotonic()))
        log.info("process_started", process=program.name, pid=self.children[-1].process.pid)

    def watch(self, until: Callable[[], bool] = lambda: False, poll_s: float = 0.1) -> None:
        """Restarts what dies, until asked to stop or `until` is true."""
        while not self.stopping and not until():
            for child in self.children:
                self._revive(child)
            self._end_silent()
            time.sleep(poll_s)

    def request_stop(self, *_: object) -> None:
        """Makes `watch` return; usable as a signal handler."""
        self.stopping = True

    def stop(self) -> None:
        """Stops every program, all at once but for those that others need, and whatever their groups still hold."""
        for last in (False, True):
            leaving = [child for child in reversed(self.children) if child.program.last is last]
            for child in leaving:
                if child.process.poll() is None:
                    child.process.send_signal(signal.SIGTERM)
            for child in leaving:
                self._end(child)
        self.children.clear()

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            program.command,
            env={**self.environment, **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),  # standard output is for the few lines that programs read
            pass_fds=program.fds,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has no threads
        )

    def _end_silent(self) -> None:
        """Ends workers that are silent, so that they are started again: first asks them to give back what they hold."""
        now = time.monotonic()
        workers = {child.process.pid: child for child in self.children if child.program.is_worker and _lives(child)}
        for pid, reason in self.ailments(list(workers)).items():
            if workers[pid].kill_at is None:
                log.error("worker_silent", process=workers[pid].program.name, pid=pid, reason=reason)
                workers[pid].kill_at = now + workers[pid].program.stop_s
                workers[pid].process.send_signal(signal.SIGTERM)
        for pid, child in workers.items():
            if child.kill_at is not None and (now >= child.kill_at or _is_stopped(pid)):
                _kill_group(pid, signal.SIGKILL)

    def _revive(self, child: Child) -> None:
        now = time.monotonic()
        if child.process.poll() is None:
            if child.failures and now - child.started > STEADY_S:
                child.failures = 0
            return
        if child.restart_at is None:
            pause = RESTART_AFTER_S[min(child.failures, len(RESTART_AFTER_S) - 1)]
            child.failures, child.restart_at = child.failures + 1, now + pause
            log.warning("process_died", process=child.program.name, status=child.process.returncode, restart_in_s=pause)
            _kill_group(child.process.pid, signal.SIGKILL)
        elif now >= child.restart_at:
            child.process, child.started = self._spawn(child.program), now
            child.restart_at = child.kill_at = None
            log.info("process_restarted", process=child.program.name, pid=child.process.pid)

    def _end(self, child: Child) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(child.program.stop_s)
        _kill_group(child.process.pid, signal.SIGKILL)
        child.process.wait()
        log.info("process_stopped", process=child.program.name, status=child.process.returncode)


def _lives(child: Child) -> bool:
    return child.restart_at is None and child.process.poll() is None


def _is_stopped(pid: int) -> bool:
    """Whether the process is held by SIGSTOP or a debugger, and so hears no signal; False where that cannot be told."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0]
            in "Tt"
        )
    except OSError:
        return False


def _kill_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
