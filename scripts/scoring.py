"""Metrics of Rekognition-shaped answers against ground truth: cuts, black frames, faces, labels.

Answers are lists of pages per media file, as Get* and Detect* give them. Frame numbers are 0-based in display order; truth boxes are in
pixels. The sets are small: one error moves a figure by 1/N.
"""

from pathlib import Path
from typing import Any

from scripts.metrics import Load
from scripts.score_pictures import score_faces, score_labels
from scripts.score_segments import black_truth, score_black, score_shots, shot_truth


def score(folder: Path, load: Load) -> dict[str, dict[str, Any]]:
    """Figures of every analysis that has truth in `folder/truth` and answers."""
    found = {
        "shots": score_shots(shot_truth(folder), load),
        "cues": score_black(black_truth(folder), load),
        "faces": score_faces(folder, load),
        "labels": score_labels(folder, load),
    }
    return {name: figures for name, figures in found.items() if figures}
