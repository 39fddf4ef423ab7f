"""`reelsight join`: makes this machine one of an installation's."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from api.commands.serve import only_one
from api.health import readiness
from api.serve.first_start import pull_missing
from api.serve.workers import supervise, worker_program
from pipeline import logs, queue
from pipeline.commandline import connect, data_dir_option
from pipeline.devices import require_devices
from pipeline.errors import SetupError
from pipeline.machines import asking
from pipeline.models.threads import cores
from pipeline.settings import Settings, settings_of
from pipeline.store import revisions


@click.command()
@click.argument("url", required=False)
@click.option("--code", help="As `reelsight machines invite` printed it; -: read from standard input.")
@click.option("--ca-sha256", help="As `reelsight machines invite` printed it.")
@click.option("--again", is_flag=True, help="Replace what this data directory was told when it joined before.")
@click.option("--no-start", is_flag=True, help="Join and pull the models, and leave starting to a service manager.")
@data_dir_option
def join(
    data_dir: Path | None, url: str | None, code: str | None, ca_sha256: str | None, again: bool, no_start: bool
) -> None:
    """Joins the installation at URL and runs its workers on this machine; without URL: starts them again."""
    settings = settings_of(data_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_one(settings):
        if url is not None:
            _ask(settings, url, code, ca_sha256, again)
        queues = asking.queues_of(settings.data_dir)
        if queues is None:
            raise SetupError(
                f"{settings.data_dir} has not joined anything. Run `reelsight machines invite` on a machine of the "
                "installation, and here what it prints."
            )
        settings = settings_of(data_dir)
        require_devices(settings, ",".join(queues))
        _check(settings)
        for line in pull_missing(settings):
            click.echo(line)
        if no_start:
            return
        _work(settings, queues)


def _ask(settings: Settings, url: str, code: str | None, pin: str | None, again: bool) -> None:
    if asking.queues_of(settings.data_dir) is not None and not again:
        raise SetupError(
            f"{settings.data_dir} has joined already: `reelsight join` without URL starts it, --again joins anew."
        )
    code = sys.stdin.readline().strip() if code == "-" else code
    if not code:
        raise SetupError("--code is missing; `reelsight machines invite` prints it")
    answer = asking.ask(url, _request(settings, code), pin)
    for name in asking.keep(settings.data_dir, url, answer):
        click.echo(f"This version does not know the setting {name}; it goes on without.", err=True)
    for note in answer.notes:
        click.echo(f"Note: {note}.", err=True)
    if answer.version != (mine := version("reelsight")):
        click.echo(f"Note: the installation runs version {answer.version}, this machine {mine}.", err=True)
    click.echo(f"joined {url} as machine {answer.machine}")


def _request(settings: Settings, code: str) -> dict[str, Any]:
    return {
        "code": code,
        "name": os.uname().nodename,
        "version": version("reelsight"),
        "schema": revisions.head().name,
        "device": settings.device,
        "cores": cores(),
    }


def _check(settings: Settings) -> None:
    """That this machine reaches what it was told of; connections that a firewall drops are named here, not hours later."""
    services = connect(settings)
    failed = [name for name, state in readiness(services).items() if state != "ok"]
    services.close()
    if failed:
        raise SetupError(
            f"this machine cannot use the installation's {' and '.join(failed)}; are the addresses right, and do firewalls let it through?"
        )


def _work(settings: Settings, queues: tuple[str, ...]) -> None:
    logs.configure(settings.log_level, settings.log_format)
    if unknown := set(queues) - set(queue.QUEUES):
        raise SetupError(f"this version does not know the queues {', '.join(sorted(unknown))}")

    def ready() -> None:
        click.echo(f"ready {os.uname().nodename} takes {', '.join(queues)}")
        sys.stdout.flush()

    supervise(settings, [worker_program(name, settings) for name in queues], ready)
