"""Where models run: the device, and what ONNX Runtime is told about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "cuda", "tensorrt"]

PROVIDERS: Mapping[Device, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
ADVICE = (
    "install onnxruntime-gpu in place of onnxruntime (extra `gpu`), check the NVIDIA driver and the CUDA libraries, "
    "or set REELSIGHT_DEVICE to cpu"
)
Options = dict[str, str]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the models of a process run.

    Attributes:
        device: The first GPU that the process sees where it is not the CPU; CUDA_VISIBLE_DEVICES says which that is.
        fp16: Whether TensorRT may round to half precision.
        engines: Folder where TensorRT keeps the engines it has built; None: it builds them anew in every process.
    """

    device: Device = "cpu"
    fp16: bool = False
    engines: str | None = None

    @property
    def provider(self) -> str:
        """ONNX Runtime's name of the device."""
        return PROVIDERS[self.device]

    @property
    def on_gpu(self) -> bool:
        """Whether it is not the CPU."""
        return self.device != "cpu"

    def providers(self) -> list[tuple[str, Options]]:
        """What ONNX Runtime may use, best first. What TensorRT does not know runs in CUDA; shape arithmetic stays on the CPU.

        Source: onnxruntime.ai, pages of the CUDA and the TensorRT execution provider.
        """
        several: list[tuple[str, Options]] = [(PROVIDERS["cpu"], {})]
        if self.on_gpu:
            several.insert(0, (PROVIDERS["cuda"], self._cuda()))
        if self.device == "tensorrt":
            several.insert(0, (PROVIDERS["tensorrt"], self._tensorrt()))
        return several

    @staticmethod
    def _cuda() -> Options:
        return {
            "device_id": "0",
            "arena_extend_strategy": "kSameAsRequested",  # not to the next power of two
            "cudnn_conv_algo_search": "HEURISTIC",  # trying all of them for every new shape takes longer than it gains
            "use_tf32": "0",  # its ten bits would change answers
        }

    def _tensorrt(self) -> Options:
        options = {"device_id": "0", "trt_fp16_enable": str(int(self.fp16))}
        if self.engines is None:
            return options
        kept = {f"trt_{kind}_cache_{key}": value for kind in ("engine", "timing") for key, value in self._kept()}
        return options | kept

    def _kept(self) -> tuple[tuple[str, str], ...]:
        return ("enable", "1"), ("path", self.engines or "")
