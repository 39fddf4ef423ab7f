"""The models of an installation: pulled, verified, loaded."""

import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import structlog

from pipeline.errors import ModelError
from pipeline.models.cache import Cache, Condition
from pipeline.models.manifest import Entry, Override, find, overridden, read_manifest
from pipeline.models.placement import Placement
from pipeline.models.pypi import Indexes
from pipeline.models.sources import Sources
from pipeline.settings import Settings

if TYPE_CHECKING:
    # Listing models must not load ONNX Runtime.
    from pipeline.models.session import OnnxSession

log = structlog.get_logger()

Progress = Callable[[str, int, int | None], None]
"""Called with a model's name, the bytes fetched so far and in all, the latter where known."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line of `reelsight models list`.

    Attributes:
        condition: "local" where a local file stands in for the pulled one.
        permitted: Whether the licence allows its use here.
        size: Bytes of the ONNX file, or of what a pull would fetch.
    """

    name: str
    version: str
    task: str
    licence: str
    condition: Condition | Literal["local"]
    permitted: bool
    default: bool
    size: int
    path: Path


class Library:
    """Implements `Models`: each model is verified and loaded once per process, on first use.

    Args:
        models_dir: Folder of pulled models, shared by any number of processes.
        accepted_licences: Licences of weights accepted beyond the permissive ones.
        overrides_file: TOML that points entries at local ONNX files.
        threads: Threads per inference.
        placement: Where they run; engines are kept beside the models unless it says where.
        manifest: Entries; None: those that ship with Reelsight.
        indexes: Package indexes; None: those of the user's pip configuration.

    Raises:
        ModelError: the overrides file is wrong.
    """

    def __init__(
        self,
        models_dir: Path,
        accepted_licences: Iterable[str] = (),
        overrides_file: Path | None = None,
        threads: int = 1,
        placement: Placement = Placement(),  # noqa: B008
        *,
        manifest: Mapping[str, Entry] | None = None,
        indexes: Indexes | None = None,
    ) -> None:
        self.entries = overridden(read_manifest() if manifest is None else manifest, overrides_file)
        self._accepted = tuple(accepted_licences)
        self._cache = Cache(models_dir)
        self._threads = threads
        self._placement = replace(placement, engines=placement.engines or str(models_dir / ".engines"))
        self._indexes = indexes
        self._forget()

    @classmethod
    def from_settings(cls, settings: Settings, threads: int = 1, licences: Iterable[str] = ()) -> "Library":
        """The models of the installation that the settings describe; `licences` are accepted beyond theirs."""
        accepted = (*settings.accepted_licences, *licences)
        placement = Placement(settings.device, fp16=settings.tensorrt_fp16)
        return cls(settings.models_path, accepted, settings.models_file, threads, placement)

    def load(self, name: str) -> "OnnxSession":
        """The verified, loaded model that the manifest calls `name`.

        Raises:
            ModelError: the model is unknown, not pulled, damaged, or its licence was not accepted.
        """
        if self._process != os.getpid():
            self._forget()
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._open(name)
            return self._loaded[name]

    def has(self, name: str) -> bool:
        """Whether the model is pulled (or local) and its licence accepted.

        Raises:
            ModelError: the model is unknown.
        """
        entry = find(self.entries, name)
        return entry.permitted(self._accepted) and self._is_here(entry)

    def pull(self, names: Iterable[str] = (), progress: Progress | None = None) -> list[str]:
        """Fetches and converts the models, by default the default ones, and returns the names of those that were not there.

        Raises:
            ModelError: an unknown name, a licence not accepted (before anything is fetched), a source that fails, or a folder
                that cannot be written.
        """
        entries = [find(self.entries, name) for name in names] or [e for e in self.entries.values() if e.default]
        for entry in entries:
            self._require_licence(entry)
        wanted = [entry for entry in entries if entry.override is None]
        with self._cache.scratch() as scratch:
            sources = Sources(scratch, self._indexes)
            return [entry.name for entry in wanted if self._pull(entry, sources, progress)]

    def status(self) -> list[ModelStatus]:
        """Every entry of the manifest, without reading the models themselves."""
        return [self._status(entry) for entry in self.entries.values()]

    def verify(self, names: Iterable[str] = ()) -> dict[str, str | None]:
        """What is wrong with each model, None where nothing is; by default those that are pulled or local."""
        chosen = [find(self.entries, name) for name in names] or [e for e in self.entries.values() if self._is_here(e)]
        return {entry.name: self._fault(entry) for entry in chosen}

    def _forget(self) -> None:
        """A fork inherits neither usable sessions nor a usable lock."""
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._loaded: dict[str, OnnxSession] = {}

    def _open(self, name: str) -> "OnnxSession":
        from pipeline.models.session import OnnxSession

        entry = find(self.entries, name)
        self._require_licence(entry)
        raw, version = self._read(entry)
        session = OnnxSession(raw, name=name, version=version, threads=self._threads, placement=self._placement)
        device, nodes = self._placement.device, dict(session.nodes)
        log.info("model_loaded", model=name, version=version, device=device, threads=self._threads, nodes=nodes)
        return session

    def _read(self, entry: Entry) -> tuple[bytes, str]:
        """The checked ONNX file and the version that results report."""
        if entry.override is not None:
            raw, digest = _read_local(entry.name, entry.override)
            return raw, entry.override.version or f"local-{digest[:12]}"
        return self._cache.read(entry)[0], entry.version

    def _require_licence(self, entry: Entry) -> None:
        if not entry.permitted(self._accepted):
            licence = entry.licence
            raise ModelError(f"{entry.name} has licence {licence}; accept it with --accept-licence {licence}")

    def _pull(self, entry: Entry, sources: Sources, progress: Progress | None) -> bool:
        with self._cache.lock(entry):
            if self._fault(entry) is None:
                return False
            raw, origins = _made(entry, sources, progress)
            self._cache.write(entry, raw, origins)
        log.info("model_pulled", model=entry.name, version=entry.version, bytes=len(raw), sources=origins)
        return True

    def _fault(self, entry: Entry) -> str | None:
        try:
            self._read(entry)
        except ModelError as error:
            return str(error)
        return None

    def _is_here(self, entry: Entry) -> bool:
        return entry.override is not None or self._cache.condition(entry) != "missing"

    def _status(self, entry: Entry) -> ModelStatus:
        path = entry.override.file if entry.override else self._cache.path(entry)
        condition: Condition | Literal["local"] = "local" if entry.override else self._cache.condition(entry)
        version = (entry.override.version or "local") if entry.override else entry.version
        size = path.stat().st_size if path.is_file() else entry.size
        permitted = entry.permitted(self._accepted)
        return ModelStatus(
            entry.name, version, entry.task, entry.licence, condition, permitted, entry.default, size, path
        )


def _made(entry: Entry, sources: Sources, progress: Progress | None) -> tuple[bytes, dict[str, str]]:
    """The ONNX file made of the entry's published files, and where each of those came from."""
    from pipeline.models.convert.recipes import convert

    def report(done: int, total: int | None) -> None:
        if progress is not None:
            progress(entry.name, done, total)

    with tempfile.TemporaryDirectory() as folder:
        files = {weights.name: Path(folder, weights.name) for weights in entry.files}
        origins = {weights.name: sources.obtain(weights, files[weights.name], report) for weights in entry.files}
        raw = convert(entry.recipe, files, sources, entry.rewrites)
    return raw, {name: source.where for name, source in origins.items()}


def _read_local(name: str, override: Override) -> tuple[bytes, str]:
    try:
        raw = override.file.read_bytes()
    except OSError as error:
        raise ModelError(f"model {name} is to be {override.file}, which cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(raw).hexdigest()
    if override.sha256 is not None and override.sha256.lower() != digest:
        raise ModelError(f"{override.file} has SHA-256 {digest}, the models file says {override.sha256}")
    return raw, digest
