"""A model runs where it was told to, or an error says which part of it would not."""

import os
from collections import Counter
from collections.abc import Mapping

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray

from pipeline.errors import ModelError
from pipeline.models import assignment, placement
from pipeline.models import session as sessions
from pipeline.models.binding import Bindings
from pipeline.models.placement import PROVIDERS, Device, Placement
from pipeline.models.session import OnnxSession
from pipeline.process import is_at_long_work
from tests.support.models import adding, fixed_picture

CUDA, TENSORRT, CPU = (PROVIDERS[device] for device in ("cuda", "tensorrt", "cpu"))
IDLE = "AzureExecutionProvider"
"""In every ONNX Runtime: it takes no node, as a GPU without the kernels would."""


def test_the_cpu_gets_no_options() -> None:
    assert Placement().providers() == [(CPU, {})]


def test_answers_of_a_gpu_are_not_rounded_for_speed() -> None:
    (first, cuda), last = Placement("cuda").providers()
    assert (first, last) == (CUDA, (CPU, {}))
    assert cuda["use_tf32"] == "0"
    assert cuda["arena_extend_strategy"] == "kSameAsRequested"
    (first, tensorrt), (second, _), last = Placement("tensorrt").providers()
    assert (first, second, last) == (TENSORRT, CUDA, (CPU, {}))
    assert tensorrt == {"device_id": "0", "trt_fp16_enable": "0"}
    assert Placement("tensorrt", fp16=True).providers()[0][1]["trt_fp16_enable"] == "1"


def test_engines_and_what_building_them_took_are_kept() -> None:
    options = Placement("tensorrt", engines="/models/.engines").providers()[0][1]
    assert options["trt_engine_cache_enable"] == options["trt_timing_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == "/models/.engines"


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_session_that_came_up_on_the_cpu_is_refused(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime itself goes on without the provider and only warns."""
    if PROVIDERS[device] in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has the provider")
    monkeypatch.setattr(sessions, "devices", lambda: (device,))
    with pytest.raises(ModelError, match=rf"m was to run on {device}, ONNX Runtime chose {CPU} \(.*REELSIGHT_DEVICE"):
        OnnxSession(adding(), name="m", version="1", placement=Placement(device))


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.parametrize("missing", ["", " (libcuda.so.1: cannot open shared object file)"])
def test_another_package_is_advised_only_where_a_library_is_missing(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "devices", lambda: ("cuda",))
    monkeypatch.setattr(sessions, "_reason", lambda _: missing)
    with pytest.raises(ModelError, match=r"model m cannot be loaded on cuda: .*protobuf") as raised:
        OnnxSession(b"no model", name="m", version="1", placement=Placement("cuda"))
    assert ("install onnxruntime-gpu" in str(raised.value)) == bool(missing)
    assert missing in str(raised.value)


@pytest.mark.skipif(IDLE not in ort.get_available_providers(), reason="ONNX Runtime was built without Azure")
def test_a_provider_that_takes_no_node_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(placement.PROVIDERS, "cuda", IDLE)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="m was to run on cuda, ONNX Runtime leaves to the CPU: 1 Conv; set"):
        OnnxSession(fixed_picture(), name="m", version="1", placement=Placement("cuda"))
    with pytest.raises(ModelError, match="leaves to the CPU: 1 Add"):
        OnnxSession(adding(), name="m", version="1", placement=Placement("cuda"))


@pytest.mark.skipif(IDLE not in ort.get_available_providers(), reason="ONNX Runtime was built without Azure")
@pytest.mark.parametrize("chosen", [None, "1"])
def test_nvidia_s_libraries_do_not_round_unless_somebody_wants_it(
    chosen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", chosen or "")
    if chosen is None:
        monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    monkeypatch.setitem(placement.PROVIDERS, "cuda", IDLE)  # type: ignore[index]
    with pytest.raises(ModelError):
        OnnxSession(adding(), name="m", version="1", placement=Placement("cuda"))
    assert os.environ["NVIDIA_TF32_OVERRIDE"] == (chosen or "0")


def test_which_nodes_a_session_runs_where() -> None:
    options = ort.SessionOptions()
    options.add_session_config_entry(assignment.RECORD, "1")
    found = assignment.assigned(ort.InferenceSession(fixed_picture(), options, [CPU]))
    assert found is not None
    assert found[CPU]["Conv"] == 1
    assert assignment.nodes(found) == {CPU: found[CPU].total()}


@pytest.mark.parametrize(
    ("device", "found", "strayed"),
    [
        ("cpu", {CPU: Counter(Conv=9)}, None),
        ("cuda", {CUDA: Counter(Conv=9), CPU: Counter(Shape=4, Gather=4)}, None),
        ("tensorrt", {TENSORRT: Counter(Conv=8), CUDA: Counter(Conv=1), CPU: Counter(Shape=1)}, None),
        ("cuda", {CUDA: Counter(Conv=9), CPU: Counter(Shape=4, MatMul=1, LSTM=2)}, "2 LSTM, 1 MatMul"),
        ("cuda", {CPU: Counter(Shape=1)}, "1 Shape"),
        ("tensorrt", {CPU: Counter(Conv=1)}, "1 Conv"),
    ],
)
def test_only_what_is_no_work_may_stay_on_the_cpu(
    device: Device, found: Mapping[str, Counter[str]], strayed: str | None
) -> None:
    if strayed is None:
        assignment.check("m", Placement(device), found)
        return
    with pytest.raises(ModelError, match=f"m was to run on {device}, ONNX Runtime leaves to the CPU: {strayed};"):
        assignment.check("m", Placement(device), found)


class Noting(Bindings):
    """Notes at which runs the process says that it is at something long."""

    def __init__(self, session: ort.InferenceSession) -> None:
        super().__init__(session, "cpu")
        self.long: list[bool] = []

    def run(self, inputs: Mapping[str, NDArray[np.generic]]) -> list[NDArray[np.generic]]:
        self.long.append(is_at_long_work())
        return super().run(inputs)


@pytest.mark.parametrize(("device", "long"), [("tensorrt", [True, False, True, False]), ("cuda", [False] * 4)])
def test_the_first_run_of_a_shape_may_take_long_where_engines_are_built(device: Device, long: list[bool]) -> None:
    session = OnnxSession(adding(), name="m", version="1")
    session._placement, session._bindings = Placement(device), Noting(session._session)
    for rows in (1, 1, 2, 1):
        session.run({"x": np.zeros((rows, 3), np.float32)})
    assert session._bindings.long == long
    assert not is_at_long_work()
