#!/usr/bin/env python3
"""The models as docs/models.md lists them; `--write` puts the table there.

Names, sources, licences and hashes come from `pipeline/models/manifest.toml`, which is their only home.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.models.manifest import PERMISSIVE, Entry, Source, read_manifest

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
    before, _, rest = present.partition(HEAD)
    rows = rest.splitlines(keepends=True)
    after = next((n for n, row in enumerate(rows) if not row.startswith("|")), len(rows))
    return before + table() + "".join(rows[after:])


def _row(entry: Entry) -> str:
    licence = entry.licence if entry.licence.casefold() in PERMISSIVE else f"**{entry.licence}**"
    places = "<br>".join(dict.fromkeys(_place(source) for file in entry.files for source in file.sources))
    files = "<br>".join(f"`{file.name}` `{file.sha256}` {file.size / 1e6:.1f}" for file in entry.files)
    cells = [f"`{entry.name}` {entry.version}", entry.task, "yes" if entry.default else "no", places]
    return f"| {' | '.join([*cells, f'{licence} / {entry.package_licence}', files])} |\n"


def _place(source: Source) -> str:
    kind = "" if source.kind == "pypi" else f"{source.kind} "
    return f"{kind}`{source.where}`{' (sdist)' if source.archive == 'sdist' else ''}"


def main() -> None:
    """Prints or writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write it into docs/models.md")
    if parser.parse_args().write:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")


if __name__ == "__main__":
    main()
