"""Every figure of accuracy: which media it wants analysed, and how the answers are scored.

Answers are lists of pages per media file, as Get* and Detect* give them. Frame numbers are 0-based in display order; truth boxes are in
pixels. The sets are small: one error moves a figure by 1/N.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.metrics import Load, truth
from scripts.score_moderation import score_moderation
from scripts.score_pictures import score_faces, score_labels
from scripts.score_segments import black_truth, score_black, score_shots, shot_truth


@dataclass(frozen=True, slots=True)
class Figure:
    """A group of figures about one analysis.

    Attributes:
        analysis: The analysis whose answers are scored.
        files: Folder -> the media files that its truth names.
        score: Folder, answers -> figures; empty where there are no answers.
    """

    analysis: str
    files: Callable[[Path], Iterable[str]]
    score: Callable[[Path, Load], dict[str, Any]]


def _named(name: str, *keys: str) -> Callable[[Path], Iterable[str]]:
    """The media files that are keys of these tables of a truth file."""
    return lambda folder: [file for key in keys for file in (truth(folder, name) or {}).get(key, {})]


FIGURES = {
    "shots": Figure(
        "segments",
        lambda folder: [video["file"] for video in shot_truth(folder)],
        lambda folder, load: score_shots(shot_truth(folder), load),
    ),
    "cues": Figure(
        "segments",
        lambda folder: [file for file, _, _ in black_truth(folder)],
        lambda folder, load: score_black(black_truth(folder), load),
    ),
    "faces": Figure("faces", _named("faces", "boxes", "counts"), score_faces),
    "moderation": Figure("moderation", _named("moderation", "items"), score_moderation),
    "labels": Figure("labels", _named("labels", "labels", "coco_boxes"), score_labels),
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
