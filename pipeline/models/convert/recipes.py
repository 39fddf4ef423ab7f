"""The recipes of the manifest by name."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.models.sources import Sources

Recipe = Callable[[Mapping[str, Path], Sources], bytes]
"""Turns the published files, by the names the manifest gives them, into the bytes of an ONNX file."""


def convert(recipe: str, files: Mapping[str, Path], sources: Sources, rewrites: Iterable[str] = ()) -> bytes:
    """The ONNX file that `recipe` makes of the published files, after the named rewrites.

    Raises:
        ModelError: there is no such recipe or rewrite, or the files do not suit it.
    """
    from pipeline.models.convert.rewrites import rewritten

    if recipe not in RECIPES:
        raise ModelError(f"there is no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    return rewritten(RECIPES[recipe](files, sources), rewrites)


def _onnx(files: Mapping[str, Path], _sources: Sources) -> bytes:
    return _only(files)


def _dynamic(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.dynamic import dynamic

    return dynamic(_only(files))


def _batched(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.dynamic import batched

    return batched(_only(files))


def _paddle(files: Mapping[str, Path], sources: Sources) -> bytes:
    from pipeline.models.convert.paddle import paddle

    return paddle(files, sources)


def _picodet(files: Mapping[str, Path], sources: Sources) -> bytes:
    from pipeline.models.convert.picodet import picodet

    return picodet(_paddle(files, sources))


def _tflite_detector(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.tflite import detector

    return detector(_only(files))


def _tflite_classifier(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.tflite_classifier import classifier

    return classifier(_only(files))


def _task_face_landmarks(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.tflite_float import member, network

    return network(member(_only(files), "face_landmarks_detector.tflite"))


def _task_face_blendshapes(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.tflite_float import member, network

    return network(member(_only(files), "face_blendshapes.tflite"))


def _autoshot(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.shots import autoshot

    return autoshot(_only(files))


def _transnetv2(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.shots import transnetv2

    return transnetv2(_only(files))


def _only(files: Mapping[str, Path]) -> bytes:
    (path,) = files.values()
    return path.read_bytes()


def _keras_js(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.keras import layers_model

    return layers_model({name: path.read_text(encoding="utf-8") for name, path in files.items()})


def _keras_h5(files: Mapping[str, Path], _sources: Sources) -> bytes:
    from pipeline.models.convert.keras import hdf5_model

    return hdf5_model(_only(files))


RECIPES: Mapping[str, Recipe] = {
    "onnx": _onnx,
    "keras-js": _keras_js,
    "keras-h5": _keras_h5,
    "dynamic": _dynamic,
    "batched": _batched,
    "paddle": _paddle,
    "picodet": _picodet,
    "tflite-detector": _tflite_detector,
    "tflite-classifier": _tflite_classifier,
    "task-face-landmarks": _task_face_landmarks,
    "task-face-blendshapes": _task_face_blendshapes,
    "autoshot": _autoshot,
    "transnetv2": _transnetv2,
}
