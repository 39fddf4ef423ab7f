#!/usr/bin/env python3
"""The models as docs/models.md lists them; `--write` puts the table there.

Names, sources, licences and hashes come from `pipeline/models/manifest.toml`, which is their only home.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.models.manifest import PERMISSIVE, Entry, Source, read_manifest
from scripts.made_table import printed_or_written, replaced

PAGE = ROOT / "docs" / "models.md"
HEAD = (
    "| model | task | by default | source | licence of the weights / of the package | published file, SHA-256, MB |\n"
    "|---|---|---|---|---|---|\n"
)


def table() -> str:
    """The table with its head."""
    return HEAD + "".join(_row(entry) for entry in read_manifest().values())


def page(present: str) -> str:
    """The page `present` with the table of today in place of the one it has."""
    return replaced(present, HEAD, table())


def _row(entry: Entry) -> str:
    licence = entry.licence if entry.licence.casefold() in PERMISSIVE else f"**{entry.licence}**"
    places = "<br>".join(dict.fromkeys(_place(source) for file in entry.files for source in file.sources))
    files = "<br>".join(f"`{file.name}` `{file.sha256}` {file.size / 1e6:.1f}" for file in entry.files)
    cells = [f"`{entry.name}` {entry.version}", entry.task, "yes" if entry.default else "no", places]
    return f"| {' | '.join([*cells, f'{licence} / {entry.package_licence}', files])} |\n"


def _place(source: Source) -> str:
    kind = "" if source.kind == "pypi" else f"{source.kind} "
    return f"{kind}`{source.where}`{' (sdist)' if source.archive == 'sdist' else ''}"


if __name__ == "__main__":
    printed_or_written(__doc__, PAGE, table, page)
