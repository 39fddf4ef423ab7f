#!/usr/bin/env python3
"""What becomes of thousands of hostile media files: results or a clear reason, and no worker that dies, hangs or swells.

    scripts/fuzz_media.py [--count 2000] [--seed 1] [--minutes N] [--service 200] [--media DIR] [--json FILE] [--keep DIR]
    scripts/fuzz_media.py --replay FILE…

Mutates valid clips and pictures of its own, and the small files of DIR (../shared/media where that is there): bits, cuts, splices, sizes
that lie, header fields, tables of times, many streams. Most go to child processes that do what a worker's child does under its limits:
probe, every frame, all sound, FaceDetection and TextDetection; every eighth also SegmentDetection, every 40th all but FaceSearch.
Pictures: DetectFaces, every 40th five operations. `--service` of them go through a running `reelsight serve`, as two jobs or an
operation on an image, those of every fifth wave of 30 as all eight jobs. Offenders are kept and can be replayed.
"""

import in_venv

in_venv.enter()

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.catalog import OPERATIONS
from pipeline.models.threads import cores
from scripts.hostile import clips, options, pool
from scripts.hostile.mutations import Case, mutated
from scripts.hostile.outcomes import Record
from scripts.hostile.through import through_service
from scripts.in_venv import ROOT

CHEAP = ("FaceDetection", "TextDetection", "SegmentDetection")
"""Analyses of most files; the last, which costs most, of every eighth."""
EVERY = 40
"""Files, of which one has everything."""


def main() -> int:
    """Runs, prints, and says by its status whether there was an offender."""
    parser = options.parser(__doc__, count=2000, keep="hostile-offenders")
    parser.add_argument(
        "--service", type=int, default=200, help="files, of the count, that go through a running service"
    )
    parser.add_argument("--children", type=int, default=cores())
    parser.add_argument("--media", type=Path, default=ROOT.parent / "shared" / "media")
    parser.add_argument("--replay", type=Path, nargs="+")
    arguments = options.begun(parser)
    record = Record(arguments.keep)
    try:
        with tempfile.TemporaryDirectory(prefix="reelsight-hostile-") as name:
            if arguments.replay:
                replay(Path(name), arguments.replay, record)
            else:
                fuzz(Path(name), arguments, record)
    finally:  # what was found counts, however it ended
        record.table()
        if arguments.json:
            arguments.json.write_text(json.dumps(record.report(), indent=1) + "\n", encoding="utf-8")
    return 1 if record.offenders else 0


def fuzz(folder: Path, arguments: argparse.Namespace, record: Record) -> None:
    """All files: first those for children, then those for the service."""
    seeds = clips.made(folder) + (clips.collected(arguments.media) if arguments.media.is_dir() else [])
    print(f"{len(seeds)} files to mutate, seed {arguments.seed}", flush=True)
    case_of = partial(mutated, seeds, arguments.seed)
    for_service = min(arguments.service, arguments.count)

    def until_late() -> Iterator[int]:
        for number in range(for_service, arguments.count):
            if arguments.minutes and record.seconds > 60 * arguments.minutes:
                return
            yield number

    def with_operations(number: int) -> tuple[Case, Sequence[str]]:
        case, every = case_of(number), number % EVERY == 0
        if case.is_picture:
            return case, pool.PICTURE_OPERATIONS if every else pool.PICTURE_OPERATIONS[:1]
        return case, [name for name in OPERATIONS if name != "FaceSearch"] if every else CHEAP[: 2 + (number % 8 == 0)]

    pool.looked_at(folder / "children", until_late(), with_operations, arguments.children, record.add)
    if for_service:
        through_service(folder / "service", [case_of(number) for number in range(for_service)], record.add)


def replay(folder: Path, paths: Sequence[Path], record: Record) -> None:
    """Files that were kept, once with everything."""
    cases = [Case(path.name, "replayed", clips.container_of(path), path.read_bytes()) for path in paths]
    everything = [name for name in OPERATIONS if name != "FaceSearch"]
    pool.looked_at(
        folder / "children",
        iter(range(len(cases))),
        lambda n: (cases[n], pool.PICTURE_OPERATIONS if cases[n].is_picture else everything),
        1,
        lambda finding, case: (record.add(finding, case), print(finding.values()))[0],
    )


if __name__ == "__main__":
    sys.exit(main())
