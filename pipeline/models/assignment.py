"""Which device each node of a loaded model got: a GPU that takes only some of them must not go unnoticed."""

from collections import Counter
from collections.abc import Mapping

import onnxruntime as ort

from pipeline.errors import ModelError
from pipeline.models.placement import PROVIDERS, Placement

RECORD = "session.record_ep_graph_assignment_info"
"""Entry of a session's configuration without which ONNX Runtime remembers nothing of it; releases before 1.24 ignore it."""
HEAVY = frozenset(
    {
        "Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "ConvInteger", "QLinearConv", "MatMul", "FusedMatMul", "MatMulInteger",
        "QLinearMatMul", "Gemm", "FusedGemm", "LSTM", "GRU", "RNN", "Attention", "MultiHeadAttention",
    }
)  # fmt: skip
"""Operators that make nearly all of a model's work. Others, such as arithmetic on shapes, ONNX Runtime leaves on the CPU by design."""

Assigned = Mapping[str, Counter[str]]


def assigned(session: ort.InferenceSession) -> Assigned | None:
    """Provider -> how many nodes of each operator it runs; None where this release of ONNX Runtime cannot tell."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return None
    found: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        found.setdefault(part.ep_name, Counter()).update(node.op_type for node in part.get_nodes())
    return found


def nodes(found: Assigned) -> dict[str, int]:
    """Provider -> how many nodes it runs."""
    return {provider: counts.total() for provider, counts in found.items()}


def check(name: str, placement: Placement, found: Assigned) -> None:
    """Passes where a model that is to run on a GPU does its work there.

    Raises:
        ModelError: none of it, or operators that make work, would run on the CPU.
    """
    if not placement.on_gpu:
        return
    on_cpu = found.get(PROVIDERS["cpu"], Counter())
    strayed = {operator: number for operator, number in sorted(on_cpu.items()) if operator in HEAVY}
    if strayed or not set(found) - {PROVIDERS["cpu"]}:
        what = ", ".join(f"{number} {operator}" for operator, number in (strayed or on_cpu).items())
        raise ModelError(
            f"model {name} was to run on {placement.device}, ONNX Runtime leaves to the CPU: {what}; "
            "set REELSIGHT_DEVICE to cpu, or try another release of onnxruntime-gpu"
        )
