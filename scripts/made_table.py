"""A page of the documentation, one table of which a script makes."""

import argparse
from collections.abc import Callable
from pathlib import Path


def replaced(present: str, head: str, table: str) -> str:
    """The page `present` with `table` in place of the one that begins with the same head."""
    before, _, rest = present.partition(head)
    rows = rest.splitlines(keepends=True)
    after = next((n for n, row in enumerate(rows) if not row.startswith("|")), len(rows))
    return before + table + "".join(rows[after:])


def in_cell(text: str) -> str:
    """Text that was not written for a page, on one line and without what ends a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def between(present: str, begin: str, end: str, content: str) -> str:
    """The page `present` with `content` between two lines that it holds.

    Raises:
        ValueError: the page does not hold them.
    """
    before, found, rest = present.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no place for tables between {begin.strip()} and {end.strip()}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def printed_or_written(said: str | None, path: Path, table: Callable[[], str], page: Callable[[str], str]) -> None:
    """Prints the table, or with `--write` puts it into the page at `path`; `said` is what `--help` says."""
    parser = argparse.ArgumentParser(description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write it into {path.parent.name}/{path.name}")
    if parser.parse_args().write:
        path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(table(), end="")
