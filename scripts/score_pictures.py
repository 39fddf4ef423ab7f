"""Faces and labels against ground truth."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from scripts.metrics import Load, Pages, iou, items, match, pixels, rates, truth, truth_boxes

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


def score_faces(folder: Path, load: Load) -> dict[str, Any]:
    """Boxes at IoU .4, counts on images, and frames with the right count on clips."""
    known = truth(folder, "faces")
    if not known:
        return {}
    hits = predicted = expected = 0
    for file, boxes in known["boxes"].items():
        if (pages := load("faces", file)) is None:
            continue
        wanted, found = truth_boxes(boxes), _face_boxes(pages, folder / file)
        hits += len(match(iou(found, wanted), FACE_IOU))
        predicted, expected = predicted + len(found), expected + len(wanted)
    if not any(load("faces", file) for file in (*known["boxes"], *known["counts"])):
        return {}
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
    return pixels((face["BoundingBox"] for face in items(pages, "FaceDetails")), width, height)


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
    if not sizes:
        return {}
    found = {f"{kind}_found": f"{hit}/{n}" for kind, (hit, n) in tally.items() if n}
    return found | {
        "names_per_file": float(np.mean(sizes)),
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
            wanted = truth_boxes(b for b in things if b["label"] == name and not b["iscrowd"])
            crowd = truth_boxes(b for b in things if b["label"] == name and b["iscrowd"])
            found = _instances(pages, accepted(name), entry["size"])
            pairs = match(iou(found, wanted), OBJECT_IOU)
            used = {r for r, _ in pairs}
            false = sum(i not in used and not _covered(box, crowd) for i, box in enumerate(found))
            counts = total.setdefault(name, [0, 0, 0])
            for position, value in enumerate((len(pairs), len(pairs) + false, len(wanted))):
                counts[position] += value
    return {name: rates(*counts) for name, counts in sorted(total.items())}


def _instances(pages: Pages, names: set[str], size: tuple[int, int]) -> NDArray[Any]:
    boxes = [
        instance["BoundingBox"]
        for label in _labels(pages)
        if label["Name"].lower() in names
        for instance in label.get("Instances", [])
    ]
    return pixels(boxes, *size)


def _covered(box: NDArray[Any], regions: NDArray[Any]) -> bool:
    """Whether at least half of the box lies in one of the regions."""
    near = np.minimum(box[:2] + box[2:], regions[:, :2] + regions[:, 2:]) - np.maximum(box[:2], regions[:, :2])
    return bool((np.clip(near, 0, None).prod(-1) >= 0.5 * box[2] * box[3]).any())
