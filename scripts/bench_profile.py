#!/usr/bin/env python3
"""Where the processor time of a whole run goes, by stage: decoding, scaling, preparing, each model, what is made of the answers, finishing.

    scripts/bench_profile.py VIDEO [--analyses labels,faces,…] [--seconds 10] [--svg FILE] [--json FILE] [--write]

One process analyses the video as a worker does, with its models loaded and a first run done before. Time is that of the threads' own
clocks, so other programs on the machine hardly disturb it; what no step counts is a row of its own. `--svg` draws a flame
graph of a further run with py-spy, from the environment of `scripts/bench.py --peers`; models are calls in it, without their nodes.
`--write` puts the table into docs/performance.md.
"""

import in_venv

in_venv.enter(*(in_venv.PEERS if in_venv.asked("--svg") else ()))

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import analyses, logs
from pipeline.analyses.types import Parameters
from pipeline.analyze import analyze
from pipeline.catalog import OPERATIONS
from pipeline.errors import ReelsightError
from pipeline.models.threads import cores
from scripts import pulled
from scripts.bench_peers.cut import beginning
from scripts.made_table import between
from scripts.profiling import flame, table
from scripts.profiling.runs import profiled

PAGE = in_venv.ROOT / "docs" / "performance.md"
BEGIN, END = (
    "<!-- made by scripts/bench_profile.py --write -->\n",
    "<!-- end of what scripts/bench_profile.py made -->\n",
)
KNOWN = {operation.analysis: operation.name for operation in OPERATIONS.values()}


def main() -> None:
    """Measures, prints, draws and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--analyses", default=",".join(KNOWN))
    parser.add_argument("--seconds", type=float, help="only so much of the video's beginning")
    parser.add_argument("--svg", type=Path, help="where to put the flame graph")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help=f"put the table into docs/{PAGE.name}")
    arguments = parser.parse_args()
    logs.configure("WARNING", "console")
    wanted = checked(parser, arguments)
    try:
        found = measured(arguments, {KNOWN[name]: OPERATIONS[KNOWN[name]].minimal for name in wanted})
    except (ReelsightError, RuntimeError) as error:
        parser.error(f"{arguments.video}: {error}")
    told = "\n".join(table.lines(found)) + "\n"
    print(told)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.write:
        PAGE.write_text(between(PAGE.read_text("utf-8"), BEGIN, END, told), encoding="utf-8")


def checked(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> list[str]:
    """The analyses that are wanted; ends the script where something could not be measured, or not be kept afterwards."""
    wanted: list[str] = arguments.analyses.split(",")
    if unknown := set(wanted) - set(KNOWN):
        parser.error(f"no analyses are called {', '.join(sorted(unknown))}; choose from {', '.join(KNOWN)}")
    if not arguments.video.is_file():
        parser.error(f"{arguments.video} is not a file")
    for path in filter(None, (arguments.svg, arguments.json)):
        if not path.parent.is_dir():
            parser.error(f"there is no folder {path.parent} for {path.name}")
        if path.is_dir():
            parser.error(f"{path} is a folder, not a file")
    if arguments.seconds is not None and not arguments.seconds > 0:
        parser.error(f"--seconds: more than 0, not {arguments.seconds}")
    try:
        if arguments.svg:
            flame.program()
        if arguments.write:
            between(PAGE.read_text("utf-8"), BEGIN, END, "")
    except (RuntimeError, ValueError) as error:
        parser.error(str(error))
    return wanted


def measured(arguments: argparse.Namespace, requests: Mapping[str, Parameters]) -> dict[str, Any]:
    """The profile of the video; draws the flame graph if one is wanted."""
    pulled.complete(requests)
    with tempfile.TemporaryDirectory() as folder:
        video = beginning(arguments.video, arguments.seconds, Path(folder)) if arguments.seconds else arguments.video
        models = pulled.library(1)
        for name in {model for operation in requests for model in analyses.load(operation).models()}:
            models.load(name)
        analyze(video, requests, models, threads=cores())
        found = profiled(video, requests, models)
        if arguments.svg:
            with flame.drawn(arguments.svg, f"Processor time, {len(requests)} analyses of {video.name}"):
                analyze(video, requests, models, threads=cores())
    return found


if __name__ == "__main__":
    main()
