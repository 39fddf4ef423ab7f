#!/usr/bin/env python3
"""How the cost of an analysis grows: with the length of the video, its resolution, the number of analyses and of workers.

    scripts/bench_growth.py [--video V] [--minutes 1,10,60,360] [--heights 180,360,720,1080,2160] [--analyses segments,labels]
                            [--series length,finishing,resolution,analyses,workers] [--json FILE] [--write]

All clips are made of the one video: encoded anew at a size, then joined packet by packet to any length. What is measured is the product's
own: planning, chunks, finishing and paging with a real database and real files, without broker and server. Every point is a process of its
own; models are loaded before. A point that would take longer than --most-s, judged by the shorter ones, is left out.

`--write` puts tables into docs/performance.md and plots into docs/images/. With --json, series that are not run are taken from the file.
"""

import in_venv

in_venv.enter()

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import logs
from pipeline.catalog import OPERATIONS
from scripts import pulled
from scripts.growth import clips, finishing, passes, report
from scripts.growth.installations import video_of
from scripts.growth.watching import alone

CLIP_S = 60
LONG_HEIGHT, LONG_RATE = 180, 10
SHORT_HEIGHT, SHORT_RATE = 360, 25
FINISHED = (("labels", "segments"),)
"""Sets of analyses that are finished together, beside all eight."""
KNOWN = {operation.analysis: operation.name for operation in OPERATIONS.values()}


def main() -> None:
    """Measures, prints and writes."""
    arguments = parsed()
    logs.configure("ERROR", "console")
    kept = json.loads(arguments.json.read_text("utf-8")) if arguments.json and arguments.json.is_file() else {}
    pulled.complete(KNOWN.values())
    for name in arguments.series:
        with tempfile.TemporaryDirectory(prefix="reelsight-growth-") as folder:
            kept[name] = SERIES[name](arguments, Path(folder))
        if arguments.json:
            arguments.json.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(report.tables(kept))
    if arguments.write:
        report.write(kept)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, help="what all clips are made of; not needed without --series")
    parser.add_argument("--minutes", type=_numbers, default=[1, 10, 60, 360])
    parser.add_argument("--heights", type=_numbers, default=[180, 360, 720, 1080, 2160])
    parser.add_argument(
        "--analyses",
        type=_names,
        default=["segments", "labels"],
        help="of the whole passes of growing length, one by one",
    )
    parser.add_argument("--series", type=lambda text: [name for name in text.split(",") if name], default=list(SERIES))
    parser.add_argument(
        "--seconds", type=_positive, default=10, help="length of the clips of the series of resolutions and of analyses"
    )
    parser.add_argument(
        "--rounds", type=_positive, default=1, help="of the series of resolutions and of analyses; medians count"
    )
    parser.add_argument("--most-s", type=float, default=900.0, help="what a point may take")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="write tables and plots into docs/")
    arguments = parser.parse_args()
    if unknown := set(arguments.series) - set(SERIES):
        parser.error(f"no series is called {', '.join(sorted(unknown))}; choose from {', '.join(SERIES)}")
    if arguments.series and (arguments.video is None or not arguments.video.is_file()):
        parser.error(f"--video: {arguments.video} is not a file")
    return arguments


def _positive(text: str) -> int:
    (number,) = _numbers(text)
    return number


def _numbers(text: str) -> list[int]:
    numbers = sorted({int(part) for part in text.split(",")})
    if numbers[0] < 1:
        raise argparse.ArgumentTypeError(f"{numbers[0]} is less than 1")
    return numbers


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(KNOWN):
        raise argparse.ArgumentTypeError(
            f"no analyses are called {', '.join(sorted(unknown))}; choose from {', '.join(KNOWN)}"
        )
    return names


def length(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Whole passes of growing length, each analysis by itself."""
    clip = clips.encoded(arguments.video, folder / "clip.mp4", LONG_HEIGHT, LONG_RATE, CLIP_S)
    points: list[dict[str, Any]] = []
    for name in arguments.analyses:
        for minutes in arguments.minutes:
            before = [point for point in points if point["analysis"] == name]
            if before and _wall(before[-1]) * minutes / before[-1]["minutes"] > arguments.most_s:
                break
            place = folder / f"{name}-{minutes}"
            clips.joined(clip, minutes, video_of(place))
            points.append({"analysis": name, "minutes": minutes, **alone(passes.passed, str(place), [KNOWN[name]])})
            told(points[-1])
    return {"points": points, "height": LONG_HEIGHT, "rate": LONG_RATE, **machine()}


def _wall(point: Mapping[str, Any]) -> float:
    return sum(phase["wall_s"] for phase in point["phases"].values())


def finish(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Finishing and paging of growing length, of several sets of analyses, with the detections of one minute over and over."""
    clip = clips.encoded(arguments.video, folder / "clip.mp4", LONG_HEIGHT, LONG_RATE, CLIP_S)
    points: list[dict[str, Any]] = []
    for names in [list(OPERATIONS), *([KNOWN[name] for name in several] for several in FINISHED)]:
        found = alone(finishing.recorded, str(clip), names)
        title = [OPERATIONS[name].analysis for name in names]
        for minutes in arguments.minutes:
            before = [point for point in points if point["analyses"] == title]
            if before and before[-1]["wall_s"] * minutes / before[-1]["minutes"] > arguments.most_s:
                break
            points.append(
                {
                    "analyses": title,
                    "minutes": minutes,
                    **_finished(folder / f"{len(points)}", clip, found, minutes, names),
                }
            )
            told(points[-1])
    return {"points": points, "height": LONG_HEIGHT, "rate": LONG_RATE, **machine()}


def _finished(place: Path, clip: Path, found: Mapping[str, bytes], minutes: int, names: list[str]) -> dict[str, Any]:
    clips.joined(clip, minutes, video_of(place))
    ids = alone(finishing.replayed, str(place), found, CLIP_S * LONG_RATE, names)
    return {**alone(finishing.finished, str(place), ids), "paging": alone(finishing.paged, str(place), ids)}


def resolution(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All analyses of the same seconds in growing resolution."""

    def point(height: int, turn: int) -> dict[str, Any]:
        place = folder / f"{height}-{turn}"
        clip = clips.encoded(arguments.video, video_of(place), height, SHORT_RATE, arguments.seconds)
        return {
            "height": height,
            "decoding": alone(passes.decoded, str(clip)),
            **alone(passes.passed, str(place), list(OPERATIONS)),
        }

    points = in_turns(
        arguments.rounds, {height: lambda turn, height=height: point(height, turn) for height in arguments.heights}
    )
    return {"points": points, "seconds": arguments.seconds, "rate": SHORT_RATE, **machine()}


def number(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One to eight analyses in one pass, and each of them in a pass of its own."""
    clip = clips.encoded(arguments.video, folder / "clip.mp4", SHORT_HEIGHT, SHORT_RATE, arguments.seconds)
    names = list(OPERATIONS)

    def point(wanted: Sequence[str], turn: int) -> dict[str, Any]:
        place = folder / f"{'-'.join(wanted)}-{turn}"
        clips.joined(clip, 1, video_of(place))
        return {
            "analyses": [OPERATIONS[name].analysis for name in wanted],
            **alone(passes.passed, str(place), list(wanted)),
        }

    sets = {tuple(names[: k + 1]) for k in range(len(names))} | {(name,) for name in names}
    points = in_turns(
        arguments.rounds,
        {s: lambda turn, s=s: point(s, turn) for s in sorted(sets, key=lambda s: (len(s), names.index(s[0])))},
    )
    return {"points": points, "seconds": arguments.seconds, "height": SHORT_HEIGHT, "rate": SHORT_RATE, **machine()}


def in_turns(rounds: int, points: Mapping[Any, Callable[[int], dict[str, Any]]]) -> list[dict[str, Any]]:
    """Every point in every round; the run of each whose processor time is the median."""
    runs: dict[Any, list[dict[str, Any]]] = {key: [] for key in points}
    for turn in range(rounds):
        for key, measure in points.items():
            runs[key].append(measure(turn))
            told(runs[key][-1])
    return [sorted(several, key=report.processor)[len(several) // 2] for several in runs.values()]


def workers(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One and two worker processes, a core each, over one video: as `scripts/bench_scaling.py` measures it."""
    from scripts import bench_scaling

    clip = clips.encoded(arguments.video, folder / "clip.mp4", LONG_HEIGHT, LONG_RATE, CLIP_S)
    operations = [OPERATIONS[KNOWN[name]] for name in ("labels", "segments")]
    cores = sorted(os.sched_getaffinity(0))[:2]
    points = []
    with bench_scaling.installation(clip, 10.0) as services:
        for count in range(1, len(cores) + 1):
            with bench_scaling.workers(services.settings, cores[:count]) as pids:
                bench_scaling.analysed(services, operations, pids)  # loads the models
                runs = [bench_scaling.analysed(services, operations, pids) for _ in range(arguments.rounds)]
            run = sorted(runs, key=lambda run: run.wall)[len(runs) // 2]
            points.append(
                {"workers": count, "wall_s": run.wall, "cpu_s": run.cpu, "chunks": run.chunks, "minutes": run.minutes}
            )
            told(points[-1])
    return {"points": points, **machine()}


def machine() -> dict[str, Any]:
    """What else the machine has to do."""
    return {"load": os.getloadavg()[0], "cores": len(os.sched_getaffinity(0))}


def told(point: Mapping[str, Any]) -> None:
    """Prints a point as soon as it is known."""
    print(json.dumps(point), flush=True)


SERIES: Mapping[str, Callable[[argparse.Namespace, Path], dict[str, Any]]] = {
    "length": length,
    "finishing": finish,
    "resolution": resolution,
    "analyses": number,
    "workers": workers,
}

if __name__ == "__main__":
    main()
