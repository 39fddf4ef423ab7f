"""What `scripts/bench_gpu.py` is to measure, checked before anything is loaded."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.catalog import OPERATIONS
from scripts import pulled


def parsed(about: str, given: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments `given` [default: those of the command line]; `about` is the script's description.

    Raises:
        SystemExit: with status 2, where they make no sense; what is wrong has been printed.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--analyses", default="labels,faces,persons,text,moderation,segments")
    parser.add_argument("--model", nargs="+", default=())
    parser.add_argument("--batches", nargs="+", type=count, default=(1, 8))
    parser.add_argument("--tensorrt", action="store_true")
    parser.add_argument("--rounds", type=count, default=7)
    parser.add_argument("--repeat", type=count, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(given)
    for fault in (_of_files(arguments), _of_analyses(arguments.analyses.split(",")), _of_models(arguments.model)):
        if fault:
            parser.error(fault)
    return arguments


def count(text: str) -> int:
    """The number, at least 1.

    Raises:
        ValueError: it is no number.
        ArgumentTypeError: it is too small.
    """
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"at least 1, not {number}")
    return number


def _of_files(arguments: argparse.Namespace) -> str | None:
    path = arguments.json
    if not arguments.video.is_file():
        return f"{arguments.video} is not a file"
    if path and path.is_dir():
        return f"--json: {path} is a folder"
    if path and not path.parent.is_dir():
        return f"--json: there is no folder {path.parent}"
    return None


def _of_analyses(names: Sequence[str]) -> str | None:
    known = {operation.analysis for operation in OPERATIONS.values()}
    if unknown := set(names) - known:
        return f"no analyses are called {', '.join(sorted(unknown))}; choose from {', '.join(sorted(known))}"
    return None


def _of_models(names: Sequence[str]) -> str | None:
    if not names:
        return None
    library = pulled.library(threads=1)
    if unknown := set(names) - library.entries.keys():
        return f"no models are called {', '.join(sorted(unknown))}; `reelsight models list` names them"
    if missing := sorted(name for name in names if not library.has(name)):
        return f"not to be used here: {', '.join(missing)}; `reelsight models pull` fetches models"
    return None
