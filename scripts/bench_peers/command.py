"""What `scripts/bench.py --peers` does."""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from pipeline.errors import ReelsightError
from pipeline.media.probe import probe
from scripts.bench_peers import cut, rounds, table, written


def add_to(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a comparison."""
    parser.add_argument("--peers", action="store_true", help="compare with scripts and packages in .venv-peers instead")
    parser.add_argument("--only", help=f"of the peers, some of {','.join(rounds.contenders())}; all but pyav")
    parser.add_argument("--seconds", type=float, help="with the peers, compare on so much of the video's beginning")
    parser.add_argument(
        "--most-s",
        type=float,
        default=15.0,
        help="with the peers, wall seconds that one may take for every frame; beyond them it is computed",
    )


def compare(
    parser: argparse.ArgumentParser, arguments: Any, alone: rounds.Alone, reports: dict[str, dict[str, Any]]
) -> None:
    """Measures, prints, and keeps the report with the others."""
    usual = [name for name in rounds.contenders() if name not in rounds.UNUSUAL]
    only = list(dict.fromkeys(arguments.only.split(","))) if arguments.only else usual
    if unknown := set(only) - set(rounds.contenders()):
        parser.error(
            f"--only: no peers are called {', '.join(sorted(unknown))}; choose from {', '.join(rounds.contenders())}"
        )
    if arguments.seconds is not None and not arguments.seconds > 0:
        parser.error(f"--seconds: more than 0, not {arguments.seconds}")
    try:
        probe(arguments.video)
    except ReelsightError as error:
        parser.error(f"{arguments.video}: {error}")
    with tempfile.TemporaryDirectory() as folder:
        video = (
            cut.beginning(arguments.video, arguments.seconds, Path(folder)) if arguments.seconds else arguments.video
        )
        report = rounds.compared(video, only, arguments.repeat, arguments.most_s, alone)
    print("\n".join(table.lines(report)))
    if arguments.json:
        reports[report["video"]] = report
        arguments.json.write_text(json.dumps(reports, indent=1), encoding="utf-8")
    if arguments.write:
        written.write(reports)
