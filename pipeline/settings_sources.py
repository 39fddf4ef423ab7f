"""Where settings come from beside environment variables: files of secrets, and what a machine was told when it joined.

Both keep secrets out of the environment, where crash reports, `docker inspect` and child processes would see them.
"""

import json
import os
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from pipeline.errors import SetupError

PREFIX = "REELSIGHT_"
SUFFIX = "_FILE"
MAX_BYTES = 64 * 1024
"""Larger files are no secrets but mistakes."""
MACHINE_FILE = "machine.json"
"""In the data directory of a machine that has joined a deployment."""


class SecretFiles(EnvSettingsSource):
    """Settings named by `REELSIGHT_…_FILE`: the content of that file stands for the variable without `_FILE`."""

    def _load_env_vars(self) -> Mapping[str, str | None]:
        found = from_files(os.environ, self.settings_cls.model_fields)
        return {f"{PREFIX}{name}".lower(): value for name, value in found.items()}


class MachineFile(PydanticBaseSettingsSource):
    """What `reelsight join` was told, found by the data directory that the other sources name."""

    def __call__(self) -> dict[str, Any]:
        """The settings in the file; none where the machine has not joined anything."""
        default = self.settings_cls.model_fields["data_dir"].default
        return dict(of_machine(Path(self.current_state.get("data_dir", default)).expanduser()))

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """What the file has of one setting."""
        return self().get(field_name), field_name, False


def sources(
    settings_cls: type[BaseSettings], init: PydanticBaseSettingsSource, env: PydanticBaseSettingsSource
) -> tuple[PydanticBaseSettingsSource, ...]:
    """All sources, the one that overrides the others first."""
    return init, env, SecretFiles(settings_cls), MachineFile(settings_cls)


def from_files(environ: Mapping[str, str], known: Container[str]) -> dict[str, str]:
    """Name of a setting -> content of the file that its variable with `_FILE` names.

    Raises:
        SetupError: a file cannot be read, is empty or no text, or the setting is given twice.
    """
    found = {}
    for variable, path in environ.items():
        name = variable.removeprefix(PREFIX).removesuffix(SUFFIX).lower()
        named_so = variable.startswith(PREFIX) and variable.endswith(SUFFIX)
        if not named_so or name not in known or f"{name}{SUFFIX}".lower() in known:
            continue
        if environ.get(f"{PREFIX}{name.upper()}"):
            raise SetupError(f"{PREFIX}{name.upper()} and {variable} are both set; leave one out.")
        found[name] = _content(variable, Path(path))
    return found


def handed_down(values: Mapping[str, Any], data_dir: Path, known: Container[str]) -> dict[str, str]:
    """Variables with which a child process finds these values, as JSON has them; what it reads from files is left to those."""
    inherited, told = dict(os.environ), dict(values)
    for name, text in from_files(os.environ, known).items():
        if name in told and told[name] in (text, _parsed(text)):
            del told[name]
        else:
            del inherited[f"{PREFIX}{name.upper()}{SUFFIX}"]
    for name, value in of_machine(data_dir).items():
        if name in told and told[name] == value:
            del told[name]
    # JSON is the form in which pydantic-settings reads compound values.
    compound = {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items()}
    return {**inherited, **{f"{PREFIX}{name.upper()}": value for name, value in compound.items()}}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def of_machine(data_dir: Path) -> Mapping[str, Any]:
    """The settings that this machine was given when it joined.

    Raises:
        SetupError: others may read the file, or it is damaged.
    """
    path = data_dir / MACHINE_FILE
    try:
        status, text = path.stat(), path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
    if status.st_mode & 0o077:
        raise SetupError(f"{path} holds secrets and others may read it; run: chmod 600 {path}")
    try:
        settings = json.loads(text)["settings"]
    except (ValueError, KeyError, TypeError):
        settings = None
    if not isinstance(settings, dict):
        raise SetupError(f"{path} is damaged; remove it and join again with a new invitation.")
    return settings


def _content(variable: str, path: Path) -> str:
    """The text of the file without the line end that editors and `echo` leave."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        text = raw.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise SetupError(f"{variable}: {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SetupError(f"{variable}: {path} is not UTF-8 text.") from None
    if len(raw) > MAX_BYTES:
        raise SetupError(f"{variable}: {path} has more than {MAX_BYTES} bytes; that is no setting.")
    if not text.strip():
        raise SetupError(f"{variable}: {path} is empty.")
    if "\0" in text:
        raise SetupError(f"{variable}: {path} holds a zero byte; that is no text.")
    return text
