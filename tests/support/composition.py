"""compose.yaml as its engine reads it, for those who run its processes without one."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "compose.yaml"
SECRETS = "/run/secrets"
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?P<how>:?[-?])?(?P<word>[^}]*)\})")


@dataclass(frozen=True, slots=True)
class Composed:
    """One service of the file.

    Attributes:
        command: Argument vector.
        environment: Variables that the file gives it.
        replicas: How many of it run.
        volumes: Path inside -> name of the volume.
        secrets: Names of the files below /run/secrets.
        ours: Whether it runs the image of this project.
        raw: All that the file says.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    replicas: int
    volumes: Mapping[str, str]
    secrets: tuple[str, ...]
    ours: bool
    raw: Mapping[str, Any]


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables put in.

    Raises:
        KeyError: a variable that the file demands is not set. Source: Compose specification, "Interpolation".
    """

    def value(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        given = variables.get(found["name"])
        unset = given is None or (not given and (found["how"] or "").startswith(":"))
        if unset and (found["how"] or "").endswith("?"):
            raise KeyError(f"{found['name']}: {found['word']}")
        return found["word"] if unset else str(given)

    return VARIABLE.sub(value, text)


def document(variables: Mapping[str, str] = {}) -> dict[str, Any]:
    """The whole file with its variables put in and its anchors resolved."""
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    filled = _filled(raw, variables)
    assert isinstance(filled, dict)
    return filled


def composition(variables: Mapping[str, str] = {}) -> dict[str, Composed]:
    """Name -> service, those of profiles too."""
    return {name: _composed(name, raw) for name, raw in document(variables)["services"].items()}


def make_secrets(folder: Path) -> None:
    """Makes the secrets as an operator does."""
    subprocess.run([str(ROOT / "scripts" / "compose_secrets"), str(folder)], check=True)


def _composed(name: str, raw: Mapping[str, Any]) -> Composed:
    volumes = [volume.split(":") for volume in raw.get("volumes", ())]
    return Composed(
        name=name,
        command=tuple(raw.get("command", ())),
        environment={key: str(value) for key, value in raw.get("environment", {}).items()},
        replicas=int(raw.get("deploy", {}).get("replicas", 1)),
        volumes={inside: volume for volume, inside, *_ in volumes},
        secrets=tuple(raw.get("secrets", ())),
        ours="build" in raw,
        raw=raw,
    )


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return interpolated(value, variables)
    if isinstance(value, list):
        return [_filled(one, variables) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, variables) for key, one in value.items()}
    return value
