"""`reelsight serve`: one machine, everything supervised."""

import contextlib
import fcntl
import signal
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click

from api.commands.processes import (
    api_command,
    beat_command,
    flower_access,
    flower_command,
)
from api.serve import broker
from api.serve.first_start import prepare
from api.serve.listen import listen
from api.serve.supervisor import Program, Supervisor
from api.serve.watch import Watch
from api.serve.workers import worker_program
from pipeline import logs, queue, scratch
from pipeline.commandline import data_dir_option
from pipeline.devices import require_devices
from pipeline.errors import SetupError
from pipeline.settings import Settings, environment, settings_of

API_KILL_AFTER_S = 15.0
"""Seconds after the longest request that an api which is asked to stop gets to answer what it has."""


@click.command()
@click.option("--host", help="Address to listen on [default: 127.0.0.1].")
@click.option("--port", type=int, help="Port of the http listener; 0: any free one [default: 8080].")
@click.option("--tls-port", type=int, help="Port of the https listener; 0: any free one [default: 8443].")
@click.option(
    "--flower", "flower_port", is_flag=False, flag_value=5555, type=int, help="Also run Flower [on port 5555]."
)
@data_dir_option
def serve(
    data_dir: Path | None, host: str | None, port: int | None, tls_port: int | None, flower_port: int | None
) -> None:
    """Runs the whole service on this machine until SIGTERM or Ctrl-C."""
    settings = settings_of(data_dir, host=host, port=port, tls_port=tls_port)
    logs.configure(settings.log_level, settings.log_format)
    require_devices(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(settings), contextlib.ExitStack() as stack:
        plain = stack.enter_context(_listen(settings.host, settings.port))
        secure = stack.enter_context(_listen_tls(settings))
        settings = settings.model_copy(update={"port": plain.getsockname()[1], "tls_port": secure.getsockname()[1]})
        for line in prepare(settings):
            click.echo(line)
            sys.stdout.flush()
        supervisor = Supervisor(environment(settings), Watch(settings).ailments)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, supervisor.request_stop)
        stack.callback(scratch.prune, settings.scratch_path)  # once all have ended
        stack.callback(supervisor.stop)
        for program in programs(settings, (plain.fileno(), secure.fileno()), flower_port):
            supervisor.start(program)
        if flower_port is not None:
            click.echo(flower_access(settings, flower_port))
        supervisor.watch(until=lambda: answers(settings))
        if not supervisor.stopping:
            click.echo(f"ready {settings.http_url}")
            sys.stdout.flush()
        supervisor.watch()


def programs(settings: Settings, fds: tuple[int, int], flower_port: int | None) -> Iterator[Program]:
    """What runs on one machine, in starting order."""
    if settings.broker_url is None:
        yield Program("redis", broker.command(settings, broker.find_server(settings)), last=True)
    yield Program("api", api_command(fds), stop_s=settings.image_timeout_s + API_KILL_AFTER_S, fds=fds)
    for name in queue.QUEUES:
        yield worker_program(name, settings)
    yield Program("beat", beat_command())
    if flower_port is not None:
        yield Program("flower", flower_command(flower_port))


def answers(settings: Settings) -> bool:
    """Whether the api says that it and what it needs are ready."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound
    try:
        with urllib.request.urlopen(f"http://{host}:{settings.port}/ready", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Holds the data directory's lock.

    Raises:
        SetupError: another `serve` runs on this data directory.
    """
    folder = settings.data_dir / "run"
    folder.mkdir(exist_ok=True, mode=0o700)
    with (folder / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"`reelsight serve` already runs on {settings.data_dir}.") from None
        yield


def _listen_tls(settings: Settings) -> socket.socket:
    """The https socket; where nobody chose its port and the usual one is taken, another free one."""
    if "tls_port" not in settings.model_fields_set:
        with contextlib.suppress(SetupError):
            return _listen(settings.host, settings.tls_port)
        return _listen(settings.host, 0)
    return _listen(settings.host, settings.tls_port)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as error:
        raise SetupError(
            f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --port or --tls-port."
        ) from None
