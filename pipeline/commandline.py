"""What the commands of `reelsight` share: how they find their installation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline import logs
from pipeline.queue import CeleryQueue, make_app
from pipeline.services import Services
from pipeline.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def data_dir_option(command: Command) -> Command:
    """Adds `--data-dir`."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the installation keeps everything [default: $REELSIGHT_DATA_DIR or ~/.local/share/reelsight].",
    )(command)


def connect(settings: Settings) -> Services:
    """Services of the installation that `settings` select, for commands that work beside a running server; logs only warnings.

    They are closed when the command ends.
    """
    logs.configure("WARNING", "console")
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    services = Services.from_settings(settings, CeleryQueue(make_app(settings)))
    if context := click.get_current_context(silent=True):
        context.call_on_close(services.close)
    services.prepare()
    return services
