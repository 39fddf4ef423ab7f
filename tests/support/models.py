"""Tiny real ONNX models, packages that carry them, and folders that serve as package indexes."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from pipeline.models.manifest import Entry, Source, Weights
from pipeline.models.pypi import Indexes


def adding(amount: float = 1.0, metadata: Mapping[str, str] | None = None) -> bytes:
    """A model that adds a constant: `x` (N, 3) float32 in, `y` (N, 3) float32 out."""
    shape = ["n", 3]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "amount"], ["y"])],
        "adding",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [helper.make_tensor("amount", TensorProto.FLOAT, [1], [amount])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, dict(metadata or {}))
    return bytes(model.SerializeToString())


def fixed_picture(side: int = 4) -> bytes:
    """A 1x1 convolution published for one picture size, with its weight among the inputs and a flattening Reshape."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, [2, 3, 1, 1], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["map"], kernel_shape=[1, 1]),
            helper.make_node("Transpose", ["map"], ["last"], perm=[0, 2, 3, 1]),
            helper.make_node("Reshape", ["last", "shape"], ["list"]),
        ],
        "picture",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side]),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, [2, 3, 1, 1]),
        ],
        [
            helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, 2, side, side]),
            helper.make_tensor_value_info("list", TensorProto.FLOAT, [1, side * side, 2]),
        ],
        [weight, helper.make_tensor("shape", TensorProto.INT64, [3], [1, -1, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def wheel(folder: Path, name: str, version: str, members: Mapping[str, bytes]) -> Path:
    """A wheel with the given files, put into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, raw in members.items():
            archive.writestr(member, raw)
    return path


def sdist(folder: Path, name: str, version: str, members: Mapping[str, bytes]) -> Path:
    """A source distribution whose setup.py would fail, put into `folder`; members are relative to its root."""
    root = f"{name.replace('-', '_')}-{version}"
    trap = b"raise SystemExit('the build of a package was run')"
    files = {f"{root}/{member}": raw for member, raw in {"setup.py": trap, **members}.items()}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{root}.tar.gz"
    path.write_bytes(tarball(files))
    return path


def tarball(members: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for member, raw in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return out.getvalue()


def links(*folders: Path) -> Indexes:
    """Indexes that look into folders and nowhere else."""
    return Indexes(urls=(), links=tuple(map(str, folders)))


def entry(
    name: str, raw: bytes, *sources: Source, licence: str = "MIT", recipe: str = "onnx", sha256: str = ""
) -> Entry:
    """A manifest entry of one published file with the given bytes."""
    digest = sha256 or hashlib.sha256(raw).hexdigest()
    weights = Weights(f"{name}.onnx", digest, len(raw), sources)
    return Entry(name, "1", "adding", recipe, licence, "MIT", "x in, y out", (weights,))
