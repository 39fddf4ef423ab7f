import pickle
from pathlib import Path

import numpy as np
import onnx
import pytest

from pipeline.errors import ModelError
from pipeline.models.convert.dynamic import dynamic
from pipeline.models.placement import Placement
from pipeline.models.session import OnnxSession, devices
from tests.support.models import adding, fixed_picture


def test_runs_a_model() -> None:
    session = OnnxSession(adding(2.0, {"character": "abc"}), name="adding", version="7", threads=2)
    (found,) = session.run({"x": np.zeros((5, 3), np.float32)})
    np.testing.assert_array_equal(found, np.full((5, 3), 2.0, np.float32))
    assert session.version == "7"
    assert session.metadata == {"character": "abc"}
    assert session.inputs == {"x": ("n", 3)}
    assert session.outputs == {"y": ("n", 3)}
    assert session.providers == ("CPUExecutionProvider",)


@pytest.mark.parametrize(
    "inputs",
    [{}, {"z": np.zeros((1, 3), np.float32)}, {"x": np.zeros((1, 4), np.float32)}, {"x": np.zeros((1, 3), np.float64)}],
)
def test_inputs_that_do_not_fit_are_a_model_error(inputs: dict[str, np.ndarray]) -> None:
    session = OnnxSession(adding(), name="adding", version="1")
    with pytest.raises(ModelError, match="model adding failed on"):
        session.run(inputs)


def test_rubbish_is_no_model() -> None:
    with pytest.raises(ModelError, match="model rubbish cannot be loaded on cpu"):
        OnnxSession(b"rubbish", name="rubbish", version="1")


@pytest.mark.parametrize("device", sorted({"cuda", "tensorrt"} - set(devices())))
def test_a_device_that_is_not_there_is_no_reason_to_use_another(device) -> None:
    with pytest.raises(ModelError, match=rf"cannot use {device}; .*extra `gpu`.*REELSIGHT_DEVICE"):
        OnnxSession(adding(), name="adding", version="1", placement=Placement(device))


def test_a_session_does_not_travel_between_processes() -> None:
    with pytest.raises(TypeError, match="belongs to its process"):
        pickle.dumps(OnnxSession(adding(), name="adding", version="1"))


def test_a_model_of_one_size_is_freed_from_it() -> None:
    fixed = OnnxSession(fixed_picture(4), name="fixed", version="1")
    free = OnnxSession(dynamic(fixed_picture(4)), name="free", version="1")
    assert free.inputs == {"x": ("batch", 3, "height", "width")}
    picture = np.arange(48, dtype=np.float32).reshape(1, 3, 4, 4)
    weight = np.arange(1, 7, dtype=np.float32).reshape(2, 3, 1, 1)
    for ours, theirs in zip(free.run({"x": picture}), fixed.run({"x": picture, "w": weight}), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    maps, cells = free.run({"x": np.ones((5, 3, 6, 2), np.float32)})
    assert maps.shape == (5, 2, 6, 2)
    assert cells.shape == (5, 12, 2)
    np.testing.assert_array_equal(cells[0, 0], [6.0, 15.0])


@pytest.mark.parametrize("raw", [b"rubbish", adding()])
def test_only_pictures_can_be_freed(raw: bytes) -> None:
    with pytest.raises(ModelError):
        dynamic(raw)


def test_freeing_keeps_the_model_valid() -> None:
    onnx.checker.check_model(onnx.load_from_string(dynamic(fixed_picture())), full_check=True)


def test_files_on_disk_are_not_needed_after_loading(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(adding())
    session = OnnxSession(path.read_bytes(), name="adding", version="1")
    path.unlink()
    assert len(session.run({"x": np.zeros((1, 3), np.float32)})) == 1
