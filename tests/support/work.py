"""Work, counted: the table of what it may be, and how a run is held against it."""

from collections.abc import Iterator, Mapping
from pathlib import Path

TABLE = Path(__file__).with_name("work.txt")
Columns = Mapping[str, Mapping[str, int]]
"""Column -> what is counted -> how often."""


def allowed(section: str) -> Columns:
    """A section of the table.

    Raises:
        ValueError: a row has other columns than the section.
    """
    lines = _section(section)
    names = next(lines).split()
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    for line in lines:
        *words, numbers = line.split()[: -len(names)], line.split()[-len(names) :]
        for name, number in zip(names, numbers, strict=True):
            found[name][" ".join(words[0])] = 0 if number == "." else int(number)
    return found


def _section(section: str) -> Iterator[str]:
    """The lines of a section without comments."""
    inside = False
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("["):
            inside = text == f"[{section}]"
        elif inside and text:
            yield text


def require(section: str, done: Columns) -> None:
    """Nothing, where no count is above that of the table.

    Raises:
        AssertionError: says which counts have grown, and how the whole section would read now.
    """
    limits = allowed(section)
    assert set(done) == set(limits), f"[{section}] of {TABLE.name} has other columns: {', '.join(limits)}"
    grown = [
        f"{column}: {what}: {count}, at most {limits[column].get(what, 0)}"
        for column, counts in done.items()
        for what, count in counts.items()
        if count > limits[column].get(what, 0)
    ]
    assert not grown, "\n".join([f"more work than [{section}] of {TABLE.name} allows:", *grown, "", shown(done)])


def shown(done: Columns) -> str:
    """The counts as the table has them."""
    kinds = list(dict.fromkeys(what for counts in done.values() for what in counts))
    rows = [["", *done], *([what, *(str(counts.get(what, 0) or ".") for counts in done.values())] for what in kinds)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(done) + 1)]
    lines = [" ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    return "\n".join(lines)
