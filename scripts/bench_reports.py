"""What `scripts/bench.py` keeps in a file: reports of one kind, by the names of their videos."""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts import floor_table
from scripts.bench_peers import written

Reports = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the things that are measured.

    Attributes:
        about: What its reports are about.
        member: What only its reports have.
        lines: The tables of the documentation.
        page: The page of the documentation with them.
        write: Writes that page.
    """

    about: str
    member: str
    lines: Callable[[Reports], Iterable[str]]
    page: Callable[[Reports], str]
    write: Callable[[Reports], None]


FLOOR = Kind("the floor", "actual", floor_table.lines, floor_table.page, floor_table.write)
PEERS = Kind("a comparison with --peers", "packages", written.lines, written.page, written.write)
KINDS = (FLOOR, PEERS)


def kept(parser: argparse.ArgumentParser, path: Path | None, kind: Kind, writes: bool) -> dict[str, Any]:
    """The reports of earlier videos, by name; ends the script where one more of this kind could not be added and shown.

    Args:
        parser: Ends it.
        path: The file, which need not be there yet; None: nothing is kept.
        kind: What is about to be measured.
        writes: Whether the page is to be written too.
    """
    if path is None:
        return {}
    if not path.parent.is_dir():
        parser.error(f"--json: there is no folder {path.parent}")
    if path.is_dir():
        parser.error(f"--json: {path} is a folder, not a file")
    return _accepted(parser, "--json", path, lambda reports: kind, writes)[0]


def again(parser: argparse.ArgumentParser, path: Path, writes: bool) -> None:
    """Prints the tables of reports that were kept, of whichever kind they are, or writes them into the documentation."""
    if not path.is_file():
        parser.error(f"--from: {path} is not a file")
    reports, kind = _accepted(parser, "--from", path, _kind_of, writes)
    if not reports:
        parser.error(f"--from: {path} holds no reports")
    if writes:
        kind.write(reports)
    else:
        print("\n".join(kind.lines(reports)))


def _accepted(
    parser: argparse.ArgumentParser, option: str, path: Path, kind_of: Callable[[Reports], Kind], writes: bool
) -> tuple[dict[str, Any], Kind]:
    try:
        reports = loaded(path) if path.exists() else {}
        kind = kind_of(reports)
        checked(path, reports, kind)
        if writes:
            kind.page(reports)
    except ValueError as error:
        parser.error(f"{option}: {error}")
    return reports, kind


def _kind_of(reports: Reports) -> Kind:
    return PEERS if any(PEERS.member in report for report in reports.values()) else FLOOR


def loaded(path: Path) -> dict[str, Any]:
    """A file's reports of whatever kind.

    Raises:
        ValueError: it holds something else.
    """
    try:
        reports = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} holds no JSON: {error}") from None
    if not isinstance(reports, dict) or not all(isinstance(report, dict) for report in reports.values()):
        raise ValueError(f"{path} holds something else than reports by video; name another file")
    return reports


def checked(path: Path, reports: Reports, kind: Kind) -> None:
    """Lets reports pass that are all of this kind, and that tables can be made of.

    Raises:
        ValueError: they are not.
    """
    for video, report in reports.items():
        for other in KINDS:
            if other is not kind and other.member in report:
                raise ValueError(
                    f"{path} holds a report of {other.about} ({video}), not of {kind.about}; name another file"
                )
    try:
        list(kind.lines(reports))
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise ValueError(
            f"{path} holds something else than reports of {kind.about} ({type(error).__name__}: {error}); name another file"
        ) from None
