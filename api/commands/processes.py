"""The single processes, for machines that run some of them: api, worker, beat, flower."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from pipeline import logs, queue
from pipeline.commandline import data_dir_option
from pipeline.devices import require_devices
from pipeline.models.threads import image_children, inference_threads, video_children
from pipeline.settings import Settings, environment, settings_of

CONTROL_CHILDREN = 2
NOTIFY_THREADS = 4
IMAGE_THREADS = 16
"""Requests that a GPU is given side by side."""
IMAGES_PER_CHILD = 20_000
"""Operations on images after which a child is replaced: rarely, because a new one has to load its models first."""
CELERY = (sys.executable, "-m", "celery", "-q")


def api_command(sockets: tuple[int, int] | None = None) -> list[str]:
    """Starts the http and https listeners, on inherited sockets if given."""
    inherited = ["--fds", ",".join(map(str, sockets))] if sockets else []
    return [sys.executable, "-m", "api.cli", "api", *inherited]


def worker_command(queues: str, settings: Settings, concurrency: int | None = None) -> list[str]:
    """Starts a Celery worker for the queues: deliveries wait on others' servers and so run in threads; a GPU is used by one process,
    whose threads share its runs where it answers requests on images.
    """
    pool, number = _pool(queues, settings, concurrency)
    kept = ["--max-tasks-per-child", str(IMAGES_PER_CHILD)] if queues == queue.IMAGES else []
    return [
        *CELERY, "-A", "workers.app", "--skip-checks", "worker", "-Q", queue.taken_from(queues), "--pool", pool,
        "--concurrency", str(number), "-E",
        "--hostname", f"{queues.replace(',', '-')}@%h", "--without-mingle", "--without-gossip", "--loglevel", "WARNING", *kept,
    ]  # fmt: skip


def worker_environment(queues: str, settings: Settings, concurrency: int | None = None) -> dict[str, str]:
    """What a worker's environment needs beyond the settings: SIGTERM is to mean Celery's soft shutdown.

    Tasks get `stop_s` to end; then they are interrupted and give back what they hold. Pools without processes
    cannot interrupt a task: they end the one they have begun. Workers for images share the cores among themselves.
    """
    pool, number = _pool(queues, settings, concurrency)
    children = number if pool == "prefork" else 1
    remapped = {"REMAP_SIGTERM": "SIGQUIT"} if pool == "prefork" else {}
    threads = {"REELSIGHT_THREADS": str(inference_threads(settings.threads, children))}
    return {**remapped, **threads} if queues == queue.IMAGES else remapped


def _pool(queues: str, settings: Settings, concurrency: int | None) -> tuple[str, int]:
    """Kind and size of the pool."""
    wanted = set(queues.split(","))
    if queues == queue.NOTIFY:
        return "threads", concurrency or NOTIFY_THREADS
    if not wanted & {queue.VIDEO, queue.IMAGES}:
        return "prefork", concurrency or CONTROL_CHILDREN
    if queues == queue.IMAGES and (settings.device != "cpu" or settings.image_threads):
        return "threads", concurrency or settings.image_threads or IMAGE_THREADS
    if settings.device != "cpu":
        return "solo", 1  # CUDA contexts do not survive a fork
    if queue.VIDEO in wanted:
        return "prefork", video_children(concurrency or settings.concurrency)
    return "prefork", image_children(concurrency or settings.image_children)


def beat_command() -> list[str]:
    """Starts the clock that wakes the sweeper; it keeps no file, because sweeping has no memory."""
    return [
        *CELERY, "-A", "workers.clock", "beat", "--scheduler", "workers.clock:SteadyScheduler", "--loglevel", "WARNING",
    ]  # fmt: skip


def flower_command(port: int, address: str = "127.0.0.1", *, control: bool = False) -> list[str]:
    """Starts Flower on the broker; its password and history are set up where nobody else can read them, in `workers.dashboard`."""
    return [
        sys.executable, "-m", "celery", "-A", "workers.dashboard", "-q", "flower",
        f"--address={address}", f"--port={port}", f"--read_only={not control}", "--logging=warning",
    ]  # fmt: skip


def flower_access(settings: Settings, port: int, address: str = "127.0.0.1") -> str:
    """Tells where Flower is and what it asks for, not the password itself."""
    given = "REELSIGHT_FLOWER_PASSWORD" if settings.flower_password else str(settings.flower_password_path)
    return f"Flower:      http://{address}:{port}, user {settings.flower_user}, password in {given}"


def _become(command: list[str], settings: Settings, more: Mapping[str, str] = {}) -> None:
    os.execve(command[0], command, {**environment(settings), **more})  # noqa: S606 - the commands are ours


@click.command()
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=int, help="Port of the http listener.")
@click.option("--tls-port", type=int, help="Port of the https listener.")
@click.option("--fds", hidden=True, help="Inherited listening sockets: http,https.")
@data_dir_option
def api(data_dir: Path | None, host: str | None, port: int | None, tls_port: int | None, fds: str | None) -> None:
    """Serves the API."""
    from api.serve.listen import serve

    settings = settings_of(data_dir, host=host, port=port, tls_port=tls_port)
    serve(settings, tuple(int(fd) for fd in fds.split(",")) if fds else None)


@click.command()
@click.option("-Q", "--queues", default=queue.VIDEO, show_default=True, help=f"Some of {','.join(queue.QUEUES)}.")
@click.option("--concurrency", type=click.IntRange(1), help="Child processes.")
@click.option("--supervised", is_flag=True, help="Start it again when it dies or falls silent.")
@data_dir_option
def worker(data_dir: Path | None, queues: str, concurrency: int | None, supervised: bool) -> None:
    """Runs a Celery worker."""
    if unknown := set(queues.split(",")) - set(queue.QUEUES):
        raise click.BadParameter(f"unknown queue {', '.join(sorted(unknown))}; choose from {', '.join(queue.QUEUES)}")
    settings = settings_of(data_dir)
    if supervised:
        from api.serve.workers import supervise, worker_program

        logs.configure(settings.log_level, settings.log_format)
        require_devices(settings, queues)
        _pull_missing(settings, queues)
        supervise(settings, [worker_program(queues, settings, concurrency)], lambda: None)
        return
    _pull_missing(settings, queues)
    _become(worker_command(queues, settings, concurrency), settings, worker_environment(queues, settings, concurrency))


def _pull_missing(settings: Settings, queues: str) -> None:
    """What looks at pictures has its models before it takes work: jobs whose model is missing fail for good."""
    if not {*queues.split(",")} & {queue.VIDEO, queue.IMAGES}:
        return
    from api.serve.first_start import pull_missing

    for line in pull_missing(settings, required=True):
        click.echo(line, err=True)


@click.command()
@data_dir_option
def beat(data_dir: Path | None) -> None:
    """Wakes the sweeper every few seconds; run exactly one per installation (more do no harm)."""
    _become(beat_command(), settings_of(data_dir))


@click.command()
@click.option("--port", type=int, default=5555, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True)
@click.option("--control", is_flag=True, help="Let those who sign in also stop workers and revoke tasks.")
@data_dir_option
def flower(data_dir: Path | None, port: int, address: str, control: bool) -> None:
    """Runs Flower, the dashboard of the workers; it asks for a password."""
    settings = settings_of(data_dir)
    click.echo(flower_access(settings, port, address), err=True)
    _become(flower_command(port, address, control=control), settings)
