#!/usr/bin/env python3
"""Scores real runs against ground truth.

    scripts/accuracy.py --media DIR [--json FILE] [--predictions OUT] [--only FIGURES]

DIR holds `truth/*.json` beside the media it names. Every figure that the truth allows is printed; OUT gets the raw answers as
OUT/<analysis>/<path of the media file in DIR>.json, shaped as the Get* answers for clips and as the Detect* answers for photos, which are
asked of the operations on images themselves; so are the pairs of identities (IndexFaces, SearchFaces) and, on the middle frame of a clip,
protective equipment. Nothing here feeds back into the product.
"""

import in_venv

in_venv.enter("test")

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline import logs
from pipeline.analyze import analyze
from pipeline.catalog import OPERATIONS, STEP, Operation, by_analysis
from pipeline.errors import ReelsightError
from pipeline.models.types import Models
from scripts import peer_figures as peers
from scripts import photos, pulled
from scripts.figures import FIGURES, IDENTITIES, needed, score
from scripts.metrics import Load, Pages
from scripts.peer_figures import flat
from scripts.score_identities import curve, identity_files
from scripts.still import middle

ONLY_PHOTOS = frozenset(photos.OPERATIONS) - {operation.analysis for operation in OPERATIONS.values()}
"""Analyses that there are for photos alone; of clips they get the middle frame."""
SIMILARITY = "similarity"
"""Where the pairs of identities are among the answers."""


def main() -> None:
    """Runs the analyses and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--predictions", type=Path, help="where to keep the raw answers")
    parser.add_argument(
        "--peers", type=Path, help="answers of scripts/peers.py, to score in place of the recorded ones"
    )
    parser.add_argument("--step-ms", type=int, help="how often sampled analyses look, 1 to 500; by default as they do")
    parser.add_argument("--only", default=",".join(FIGURES), help="some of them, separated by commas")
    arguments = parser.parse_args()
    logs.configure("WARNING", "console")
    if not (arguments.media / "truth").is_dir():
        parser.error(f"{arguments.media} has no folder truth/")
    only = list(dict.fromkeys(arguments.only.split(",")))
    if unknown := set(only) - set(FIGURES):
        parser.error(f"--only: no figures are called {', '.join(sorted(unknown))}")
    wanted = needed(arguments.media, only)
    if not wanted and only != [IDENTITIES]:
        parser.error(f"{arguments.media} has no media that its truth names")
    models = pulled.defaults()
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.predictions or Path(scratch)
        predict(arguments.media, wanted, models, out, arguments.step_ms)
        if IDENTITIES in only:
            files = {file: arguments.media / file for file in identity_files(arguments.media)}
            write(out, IDENTITIES, SIMILARITY, photos.identity_pairs(files, models))
        figures = score(arguments.media, reader(out, wanted), only)
        thresholds = curve(arguments.media, reader(out, wanted)) if IDENTITIES in only else []
    if arguments.peers:
        compared = [name for name in only if FIGURES[name].peer]
        peers.record(arguments.media, score(arguments.media, reader(arguments.peers, wanted), compared))
    print(table(figures, peers.recorded(arguments.media)))
    if thresholds:
        print(f"\nIdentities by threshold of similarity\n{curve_table(thresholds)}")
    if arguments.json:
        shown = figures | ({"identities_by_threshold": thresholds} if thresholds else {})
        arguments.json.write_text(json.dumps(shown, indent=1), encoding="utf-8")


def predict(folder: Path, wanted: Mapping[str, set[str]], models: Models, out: Path, step_ms: int | None) -> None:
    """Writes one answer per media file and analysis."""
    began, length = time.monotonic(), 0.0
    with photos.desk(models) as desk:
        for file in (bar := tqdm(list(wanted), unit="file")):
            bar.set_postfix_str(file)
            still = wanted[file] if file.startswith("images/") else wanted[file] & ONLY_PHOTOS
            try:
                for analysis in sorted(still):
                    write(out, analysis, file, [desk.ask(photos.OPERATIONS[analysis], middle(folder / file))])
                if others := sorted(wanted[file] - still):
                    length += watch(folder, file, others, models, out, step_ms)
            except ReelsightError as error:
                raise SystemExit(f"{file}: {error}") from error
    print(f"{len(wanted)} files, {length:.0f} s of video, in {time.monotonic() - began:.0f} s")


def watch(folder: Path, file: str, wanted: Sequence[str], models: Models, out: Path, step_ms: int | None) -> float:
    """Seconds of a clip whose analyses have been written."""
    operations = [by_analysis(name) for name in wanted]
    report = analyze(folder / file, {each.name: request(each, step_ms) for each in operations}, models)
    for name, answer in report.answers.items():
        write(out, OPERATIONS[name].analysis, file, [answer])
    return report.media.duration_ms / 1000


def request(operation: Operation, step_ms: int | None) -> dict[str, Any]:
    """What an analysis is asked for."""
    return dict(operation.minimal) | ({STEP: step_ms} if step_ms and operation.step_ms else {})


def write(out: Path, analysis: str, file: str, answer: Any) -> None:
    """Keeps a raw answer."""
    path = out / analysis / f"{file}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(answer), encoding="utf-8")


def reader(out: Path, wanted: Mapping[str, set[str]]) -> Load:
    """Reads the pages of the answers under `out`, of what was wanted."""

    def load(analysis: str, file: str) -> Pages | None:
        path = out / analysis / f"{file}.json"
        asked = (analysis == IDENTITIES or analysis in wanted.get(file, ())) and path.exists()
        return json.loads(path.read_text(encoding="utf-8")) if asked else None

    return load


def table(figures: Mapping[str, Any], others: Mapping[str, Any]) -> str:
    """One line per figure, that of the best package beside it."""
    rows = [
        (group, name, value, others.get(group, {}).get(name, ""))
        for group, values in figures.items()
        for name, value in flat(values).items()
    ]
    wide = max(len(name) for _, name, _, _ in rows)
    head = f"{'':12} {'':<{wide}}  {'reelsight':<12} best package"
    lines = [f"{group:12} {name:<{wide}}  {value:<12} {other}".rstrip() for group, name, value, other in rows]
    peers_of = [f"  {group}: {FIGURES[group].peer or 'none'}" for group in figures]
    return "\n".join([head, *lines, "", "Best packages, run as their authors intend:", *peers_of])


def curve_table(thresholds: Sequence[Mapping[str, float]]) -> str:
    """One line per threshold."""
    lines = [
        f"{each['threshold']:>9g}  {each['tar']:>12.3f}  {each['fmr']:>13.5f}  {each['false_matches']:>13}"
        for each in thresholds
    ]
    return "\n".join([f"{'threshold':>9}  {'true accepts':>12}  {'false accepts':>13}  {'false matches':>13}", *lines])


if __name__ == "__main__":
    main()
