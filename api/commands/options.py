"""Options that several commands share, and the settings they make."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from pipeline.errors import SetupError
from pipeline.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def data_dir_option(command: Command) -> Command:
    """Adds `--data-dir`."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Where the installation keeps everything [default: $REELSIGHT_DATA_DIR or ~/.local/share/reelsight].",
    )(command)


def settings_of(data_dir: Path | None, **given: object) -> Settings:
    """Settings from the environment, overridden by what was given on the command line (None: not given).

    Raises:
        SetupError: a value is refused; the message names the setting.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if data_dir:
        chosen["data_dir"] = data_dir.expanduser().resolve()
    try:
        return Settings(**chosen)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "REELSIGHT_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SetupError(f"{name}: {first['msg']}") from None


def environment(settings: Settings) -> dict[str, str]:
    """Environment for child processes that must build the same settings."""
    values = settings.model_dump(mode="json", exclude_unset=True)
    for name in ("secret_key", "s3_secret_access_key"):
        secret = getattr(settings, name)
        if secret is not None:
            values[name] = secret.get_secret_value()
    # JSON is the form in which pydantic-settings reads compound values.
    compound = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return {**os.environ, **{f"REELSIGHT_{name.upper()}": value for name, value in compound.items()}}
