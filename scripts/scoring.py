"""Metrics of Rekognition-shaped answers against ground truth: cuts, black frames, faces, labels.

Answers are lists of pages per media file, as Get* and Detect* give them. Frame numbers are 0-based in display order; truth boxes are in
pixels. The sets are small: one error moves a figure by 1/N.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Pages = list[dict[str, Any]]
Load = Callable[[str, str], Pages | None]
"""(analysis, media file) -> the pages of the answer, None where there is none."""

IGNORE_MARGIN = 5
"""Frames: how exactly the truth gives the limits of fades."""
FACE_IOU, OBJECT_IOU = 0.4, 0.5
BOX_STUFF = re.compile(r"-(merged|other|stuff)|gravel")
NAMES: Mapping[str, str] = {
    "person": "human man woman adult people male female boy girl child pedestrian",
    "bicycle": "bike cycle mountain_bike bicycle-built-for-two",
    "motorcycle": "motorbike scooter moped motor_scooter",
    "car": "automobile sedan sports_car suv jeep van minivan taxi cab beach_wagon",
    "truck": "lorry van pickup_truck trailer_truck semi-trailer_truck moving_van",
    "bus": "minibus school_bus trolleybus double_decker_bus tour_bus",
    "tv": "television monitor screen computer_monitor display tv_monitor",
    "monitor": "tv television screen computer_monitor display",
    "keyboard": "computer_keyboard",
    "laptop": "laptop_computer notebook notebook_computer",
    "cell phone": "mobile_phone phone smartphone cellular_telephone cellphone",
    "sports ball": "ball basketball basketball_(ball) soccer_ball football volleyball tennis_ball",
    "dog": "canine puppy",
    "cat": "kitten tabby egyptian_cat tiger_cat siamese_cat persian_cat",
    "wine glass": "goblet glass red_wine wine",
    "bottle": "wine_bottle water_bottle beer_bottle pop_bottle",
    "food": "meal dish lunch dinner pizza pasta spaghetti carbonara meat_loaf burrito sandwich broccoli carrot",
    "pasta": "spaghetti carbonara noodle",
    "chair": "folding_chair armchair rocking_chair dining_chair barber_chair",
    "frisbee": "flying_disc",
}
"""Truth label -> other names that satisfy it (underscores for spaces)."""


def score(folder: Path, load: Load) -> dict[str, dict[str, Any]]:
    """Figures of every analysis that has truth in `folder/truth` and answers."""
    found = {
        "shots": score_shots(shot_truth(folder), load),
        "cues": score_black(black_truth(folder), load),
        "faces": score_faces(folder, load),
        "labels": score_labels(folder, load),
    }
    return {name: figures for name, figures in found.items() if figures}


def truth(folder: Path, name: str) -> Any:
    """Content of a truth file; None where there is none."""
    path = folder / "truth" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def items(pages: Pages, key: str) -> list[dict[str, Any]]:
    """All items of all pages."""
    return [item for page in pages for item in page.get(key, [])]


def match(scores: NDArray[Any], least: float) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) of the highest total score, each of at least `least`."""
    if not scores.size:
        return []
    allowed = np.where(scores >= least, scores + 1e-6, 0.0)
    return [(int(r), int(c)) for r, c in zip(*linear_sum_assignment(-allowed), strict=True) if scores[r, c] >= least]


def iou(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """(n, m) intersection over union of boxes (n, 4) and (m, 4) given as left, top, width, height."""
    a, b = a.reshape(-1, 1, 4), b.reshape(1, -1, 4)
    near = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    overlap = np.clip(near, 0, None).prod(-1)
    return overlap / np.maximum(a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - overlap, 1e-9)


def rates(hits: int, predicted: int, expected: int) -> dict[str, Any]:
    """Precision, recall and F1 with their counts."""
    return {
        "precision": hits / predicted if predicted else None,
        "recall": hits / expected if expected else None,
        "f1": 2 * hits / (predicted + expected) if predicted + expected else None,
        "hits": hits,
        "predicted": predicted,
        "expected": expected,
    }


# ------------------------------------------------------------------------------------------------ shots


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


# ------------------------------------------------------------------------------------------------ black frames


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


def _cues(folder: Path) -> list[Any]:
    return [json.loads(p.read_text(encoding="utf-8")) for p in sorted((folder / "truth").glob("cues_*.json"))]


# ------------------------------------------------------------------------------------------------ faces


def score_faces(folder: Path, load: Load) -> dict[str, Any]:
    """Boxes at IoU .4, counts on images, and frames with the right count on clips."""
    known = truth(folder, "faces")
    if not known:
        return {}
    hits = predicted = expected = 0
    for file, boxes in known["boxes"].items():
        if (pages := load("faces", file)) is None:
            continue
        wanted, found = _truth_boxes(boxes), _face_boxes(pages, folder / file)
        hits += len(match(iou(found, wanted), FACE_IOU))
        predicted, expected = predicted + len(found), expected + len(wanted)
    counts = {f: n for f, n in known["counts"].items() if isinstance(n, int)}
    errors = {f: len(items(p, "FaceDetails")) - n for f, n in counts.items() if (p := load("faces", f)) is not None}
    return {
        "boxes": rates(hits, predicted, expected),
        "count_abs_error": sum(map(abs, errors.values())),
        "count_expected": sum(counts[f] for f in errors),
        "count_errors": {f: e for f, e in errors.items() if e},
        "frames_with_right_count": dict(_frames_with_right_count(known, load)),
    }


def _frames_with_right_count(known: Mapping[str, Any], load: Load) -> Iterable[tuple[str, str]]:
    for file, text in known["counts"].items():
        if (
            isinstance(text, str)
            and re.search(r"in every frame|no face in any", text)
            and (pages := load("faces", file)) is not None
        ):
            seen: dict[int, int] = {}
            for face in items(pages, "Faces"):
                seen[face["Timestamp"]] = seen.get(face["Timestamp"], 0) + 1
            yield file, f"{sum(n == int(text.split()[0]) for n in seen.values())}/{len(seen)}"


def _face_boxes(pages: Pages, photo: Path) -> NDArray[Any]:
    """(n, 4) pixels of the faces in a photo."""
    with av.open(str(photo)) as source:
        width, height = source.streams.video[0].width, source.streams.video[0].height
    boxes = [face["BoundingBox"] for face in items(pages, "FaceDetails")]
    return np.array(
        [[b["Left"] * width, b["Top"] * height, b["Width"] * width, b["Height"] * height] for b in boxes], float
    ).reshape(-1, 4)


def _truth_boxes(boxes: Iterable[Mapping[str, float]]) -> NDArray[Any]:
    return np.array([[b["left"], b["top"], b["width"], b["height"]] for b in boxes], float).reshape(-1, 4)


# ------------------------------------------------------------------------------------------------ labels


def score_labels(folder: Path, load: Load) -> dict[str, Any]:
    """Must-find labels on images and clips, boxes of annotated classes at IoU .5, labels given per file."""
    known = truth(folder, "labels")
    if not known:
        return {}
    tally = {"images": [0, 0], "clips": [0, 0]}
    missed, sizes = {}, []
    for file, labels in known["labels"].items():
        if (pages := load("labels", file)) is None:
            continue
        names = label_names(_labels(pages))
        sizes.append(len(names))
        lacking = [label for label in labels if not accepted(label) & names]
        counts = tally["images" if file.startswith("images/") else "clips"]
        counts[0] += len(labels) - len(lacking)
        counts[1] += len(labels)
        missed.update({file: lacking} if lacking else {})
    found = {f"{kind}_found": f"{hit}/{n}" for kind, (hit, n) in tally.items() if n}
    return found | {
        "names_per_file": float(np.mean(sizes or [0])),
        "boxes": _label_boxes(known, load),
        "missed": missed,
    }


def _labels(pages: Pages) -> list[dict[str, Any]]:
    """The labels of a Get answer, which wraps them, or of a Detect answer."""
    return [item.get("Label", item) for item in items(pages, "Labels")]


def accepted(label: str) -> set[str]:
    """Lower-case names that satisfy a truth label such as "tv/monitor"."""
    names = set()
    for part in re.sub(r"\(.*?\)", "", label).lower().split("/"):
        names |= {part.strip(), *(n.replace("_", " ") for n in NAMES.get(part.strip(), "").split())}
    return names


def label_names(labels: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names, parents and aliases in lower case."""
    return {
        n["Name"].lower() for label in labels for n in [label, *label.get("Parents", []), *label.get("Aliases", [])]
    }


def _label_boxes(known: Mapping[str, Any], load: Load) -> dict[str, Any]:
    total: dict[str, list[int]] = {}
    for file, entry in known["coco_boxes"].items():
        if (pages := load("labels", file)) is None:
            continue
        things = [b for b in entry["boxes"] if not BOX_STUFF.search(b["label"])]
        for name in {b["label"] for b in things}:
            wanted = _truth_boxes(b for b in things if b["label"] == name and not b["iscrowd"])
            crowd = _truth_boxes(b for b in things if b["label"] == name and b["iscrowd"])
            found = _instances(pages, accepted(name), entry["size"])
            pairs = match(iou(found, wanted), OBJECT_IOU)
            used = {r for r, _ in pairs}
            false = sum(i not in used and not _covered(box, crowd) for i, box in enumerate(found))
            counts = total.setdefault(name, [0, 0, 0])
            for position, value in enumerate((len(pairs), len(pairs) + false, len(wanted))):
                counts[position] += value
    return {name: rates(*counts) for name, counts in sorted(total.items())}


def _instances(pages: Pages, names: set[str], size: tuple[int, int]) -> NDArray[Any]:
    width, height = size
    boxes = [
        instance["BoundingBox"]
        for label in _labels(pages)
        if label["Name"].lower() in names
        for instance in label.get("Instances", [])
    ]
    return np.array(
        [[b["Left"] * width, b["Top"] * height, b["Width"] * width, b["Height"] * height] for b in boxes], float
    ).reshape(-1, 4)


def _covered(box: NDArray[Any], regions: NDArray[Any]) -> bool:
    """Whether at least half of the box lies in one of the regions."""
    near = np.minimum(box[:2] + box[2:], regions[:, :2] + regions[:, 2:]) - np.maximum(box[:2], regions[:, :2])
    return bool((np.clip(near, 0, None).prod(-1) >= 0.5 * box[2] * box[3]).any())
