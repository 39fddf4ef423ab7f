"""Cuts, gradual transitions and technical cues against ground truth."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scripts.metrics import Load, Pages, items, match, rates, truth


class Cue(NamedTuple):
    """A technical cue; both frames belong to it."""

    kind: str
    start: int
    end: int


IGNORE_MARGIN = 5
"""Frames: how exactly the truth gives the limits of fades."""


def shot_truth(folder: Path) -> list[dict[str, Any]]:
    """Per video: frames of hard cuts, gradual transitions, and ranges where a cut is neither right nor wrong."""
    found = []
    for video in (truth(folder, "shots") or {"videos": []})["videos"]:
        if "NOT annotated" in video.get("note", ""):
            continue
        gradual = [(g["start_frame"], g["end_frame"]) for g in video.get("gradual", [])]
        unsure = [
            (r["start_frame"], r["end_frame"])
            for k in ("ambiguous", "black", "near_black_with_watermark")
            for r in video.get(k, [])
        ]
        wide = [(a - IGNORE_MARGIN, b + IGNORE_MARGIN) for a, b in unsure + gradual]
        found.append(
            {
                "file": video["file"],
                "cuts": [c["frame"] for c in video["hard_cuts"]],
                "gradual": gradual,
                "ignored": wide,
            }
        )
    for cues in _cues(folder):
        inside = [
            (s["start_frame"] + 3, s["end_frame"] - 3)
            for s in cues["segments"]
            if s["type"] in {"Slate/Countdown", "EndCredits"}
        ]
        cuts = [s["start_frame"] for s in cues["segments"]][1:]
        found.append({"file": cues["file"], "cuts": cuts, "gradual": [], "ignored": inside})
    return found


def score_shots(videos: Sequence[Mapping[str, Any]], load: Load) -> dict[str, Any]:
    """Cuts within 1 and 3 frames, false cuts on clips without any transition, gradual transitions that were noticed."""
    if not any(load("segments", video["file"]) for video in videos):
        return {}
    total = {1: [0, 0, 0], 3: [0, 0, 0]}
    touched = [0, 0]
    on_controls, missed, false = 0, {}, {}
    for video in videos:
        if (pages := load("segments", video["file"])) is None:
            continue
        starts = sorted(s["StartFrameNumber"] for s in items(pages, "Segments") if s["Type"] == "SHOT")[1:]
        for tolerance, counts in total.items():
            hits, free, lost = _cuts(starts, video, tolerance)
            for position, value in enumerate((hits, hits + len(free), len(video["cuts"]))):
                counts[position] += value
            if tolerance == 1:
                on_controls += len(free) if not video["cuts"] and not video["gradual"] else 0
                missed.update({video["file"]: lost} if lost else {})
                false.update({video["file"]: free} if free else {})
        touched[0] += sum(any(a - IGNORE_MARGIN <= c <= b + IGNORE_MARGIN for c in starts) for a, b in video["gradual"])
        touched[1] += len(video["gradual"])
    figures = {f"±{tolerance}": rates(*counts) for tolerance, counts in total.items()}
    return figures | {
        "false_cuts_on_controls": on_controls,
        "gradual_touched": f"{touched[0]}/{touched[1]}",
        "missed": missed,
        "false": false,
    }


def _cuts(predicted: Sequence[int], video: Mapping[str, Any], tolerance: int) -> tuple[int, list[int], list[int]]:
    """Hits, false cuts, missed cuts; a prediction inside an ignored range that hits nothing does not count."""
    frames, cuts = np.array(predicted, int), np.array(video["cuts"], int)
    near = 1 - np.abs(frames[:, None] - cuts[None]) / (tolerance + 1)
    pairs = match(near, 1 / (tolerance + 1) - 1e-9)
    used, hit = {r for r, _ in pairs}, {c for _, c in pairs}
    free = [int(f) for i, f in enumerate(frames) if i not in used and not any(a <= f <= b for a, b in video["ignored"])]
    return len(pairs), free, [int(c) for j, c in enumerate(cuts) if j not in hit]


def black_truth(folder: Path) -> Iterable[tuple[str, bool, list[tuple[int, int]]]]:
    """(file, exact by construction, [(first, last frame)])."""
    for cues in _cues(folder):
        yield (
            cues["file"],
            True,
            [(s["start_frame"], s["end_frame"]) for s in cues["segments"] if s["type"] == "BlackFrames"],
        )
    for video in (truth(folder, "shots") or {"videos": []})["videos"]:
        if video.get("black"):
            yield video["file"], False, [(b["start_frame"], b["end_frame"]) for b in video["black"]]


def score_black(videos: Iterable[tuple[str, bool, list[tuple[int, int]]]], load: Load) -> dict[str, Any]:
    """Black ranges found, false ones, and errors of their limits in frames (prediction - truth)."""
    figures: dict[str, Any] = {}
    for file, exact, expected in videos:
        if (pages := load("segments", file)) is None:
            continue
        cues = [
            s
            for s in items(pages, "Segments")
            if s["Type"] == "TECHNICAL_CUE" and s["TechnicalCueSegment"]["Type"] == "BlackFrames"
        ]
        found = [(s["StartFrameNumber"], s["EndFrameNumber"]) for s in cues]
        overlap = np.array([[min(p[1], e[1]) - max(p[0], e[0]) + 1 for e in expected] for p in found], float).reshape(
            len(found), len(expected)
        )
        pairs = match(overlap, 1)
        errors = [(found[r][0] - expected[c][0], found[r][1] - expected[c][1]) for r, c in pairs]
        figures[f"black {file}"] = {
            "found": f"{len(pairs)}/{len(expected)}",
            "false": int(sum(not (row >= 1).any() for row in overlap)),
            "truth": "exact" if exact else "±5 frames",
            "errors": errors,
        }
    return figures


CUE_NAMES = {"Slate/Countdown": "Slate"}
"""What truth calls otherwise than the API."""


def cue_truth(folder: Path) -> Iterator[tuple[str, list[Cue]]]:
    """(file, every cue of it in time order) of the videos whose cues are exact by construction; content that is joined is one cue."""
    for cues in _cues(folder):
        expected: list[Cue] = []
        for s in cues["segments"]:
            cue = Cue(CUE_NAMES.get(s["type"], s["type"]), s["start_frame"], s["end_frame"])
            if expected and (expected[-1].kind, expected[-1].end + 1) == (cue.kind, cue.start):
                expected[-1] = Cue(cue.kind, expected[-1].start, cue.end)
            else:
                expected.append(cue)
        yield cues["file"], expected


def score_cues(folder: Path, load: Load) -> dict[str, Any]:
    """Cues found and errors of their limits in frames (prediction - truth) per type, and all false cues."""
    figures: dict[str, Any] = {}
    for file, expected in cue_truth(folder):
        if (pages := load("segments", file)) is None:
            continue
        found = _predicted(pages)
        kinds = sorted({cue.kind for cue in [*expected, *found]})
        scores = {
            kind: _score_cues(*([c for c in cues if c.kind == kind] for cues in (found, expected))) for kind in kinds
        }
        false = [list(cue) for score in scores.values() for cue in score.pop("false_cues")]
        figures[f"cues {file}"] = scores | {"false": false}
    return figures


def _score_cues(found: Sequence[Cue], expected: Sequence[Cue]) -> dict[str, Any]:
    """Figures of the cues of one type, matched by their overlap."""
    overlap = np.array([[min(p.end, e.end) - max(p.start, e.start) + 1 for e in expected] for p in found], float)
    pairs = match(overlap.reshape(len(found), len(expected)), 1)
    used = {row for row, _ in pairs}
    return {
        "found": f"{len(pairs)}/{len(expected)}",
        "errors": [(found[r].start - expected[c].start, found[r].end - expected[c].end) for r, c in pairs],
        "false_cues": [cue for row, cue in enumerate(found) if row not in used],
    }


def _predicted(pages: Pages) -> list[Cue]:
    cues = [s for s in items(pages, "Segments") if s["Type"] == "TECHNICAL_CUE"]
    return [Cue(s["TechnicalCueSegment"]["Type"], s["StartFrameNumber"], s["EndFrameNumber"]) for s in cues]


def _cues(folder: Path) -> list[Any]:
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "truth").glob("cues_*.json"))]
