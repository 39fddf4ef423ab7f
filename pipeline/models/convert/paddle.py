"""Paddle inference models as ONNX, through paddle2onnx's native extension but without paddlepaddle.

The published wheel's Python half imports paddlepaddle; the extension alone does not need it. Wheels exist for Linux on
x86-64 and 64-bit ARM and for CPython up to 3.12: on a newer interpreter, an older one that is installed beside it runs the export.
"""

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.errors import ModelError
from pipeline.models.archive import extract
from pipeline.models.digest import sha256_of
from pipeline.models.sources import Sources

REQUIREMENT = "paddle2onnx==1.2.11"
OPSET = 16
TIMEOUT_S = 300
MAX_EXTENSION_BYTES = 64 * 2**20

WHEELS: Mapping[tuple[str, str], str] = {
    ("cp310", "aarch64"): "56565529ee78687df372b1ef9f09e458ff3571ca0dd1fa598306931ff888531c",
    ("cp310", "x86_64"): "689a13c650d4abfc24f5150fea391485626a7fd2b0caf850bac01fa400615f1e",
    ("cp311", "aarch64"): "92af5ce28902a34fe168891653b2938c69cb19dcd12470ac968767f0c0fa65cb",
    ("cp311", "x86_64"): "d6597948febf45469c38886a7dfa38913be11c6e6b9d0eda22239dbd6d7ef99d",
    ("cp312", "aarch64"): "f7114f038652ae5a7db7873789565c0b77180d6b8948a1d3be7bd6d86addb718",
    ("cp312", "x86_64"): "a91cf102bcb1bddc3b519f41cebfd9015cae986aa141cacbf6445dc3d23a74b7",
}
"""SHA-256 by interpreter and machine: its code runs here, so nothing but these very files will do."""


def paddle(files: Mapping[str, Path], sources: Sources) -> bytes:
    """The ONNX file of a `.pdmodel` and its `.pdiparams`.

    Raises:
        ModelError: no wheel fits any interpreter here, or the export fails.
    """
    model = next(path for name, path in files.items() if name.endswith(".pdmodel"))
    params = next(path for name, path in files.items() if name.endswith(".pdiparams"))
    interpreter, tag = exporter()
    wheel = sources.wheel(REQUIREMENT, lambda name: _fits(name, tag, platform.machine()))
    expected = WHEELS[tag, platform.machine()]
    if sha256_of(wheel) != expected:
        raise ModelError(f"{wheel.name} is not the file Reelsight knows (SHA-256 {expected}); refused")
    with tempfile.TemporaryDirectory() as folder:
        extension = Path(folder, "paddle2onnx_cpp2py_export.so")
        extract(wheel, _extension(tag, platform.machine()), extension, MAX_EXTENSION_BYTES)
        return _export(interpreter, extension, model, params, Path(folder, "model.onnx"))


def exporter() -> tuple[str, str]:
    """An interpreter that a wheel exists for, and its tag: this one, else the newest suitable one that is installed.

    Raises:
        ModelError: there is none; the message says what would help.
    """
    machine = platform.machine()
    own = f"cp{sys.version_info.major}{sys.version_info.minor}"
    if sys.platform == "linux" and sys.implementation.name == "cpython":
        if (own, machine) in WHEELS:
            return sys.executable, own
        for tag in sorted((tag for tag, arch in WHEELS if arch == machine), reverse=True):
            for found in _interpreters(f"3.{tag[3:]}"):
                if _runs(found, tag):
                    return found, tag
    raise ModelError(
        f"{REQUIREMENT}, which converts this model, exists for CPython 3.10 to 3.12 on Linux; this is {own} on "
        f"{sys.platform} {machine}. Install a python3.12 beside it, or pull the models on another machine and copy them."
    )


def _interpreters(version: str) -> Iterator[str]:
    """Where an interpreter may be: on the path, else where version managers keep theirs."""
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield on_path
    for pattern in (".pyenv/versions/{}.*/bin/python", ".local/share/uv/python/cpython-{}.*/bin/python{}"):
        yield from map(str, sorted(Path.home().glob(pattern.format(version, version)), reverse=True))


def _runs(interpreter: str, tag: str) -> bool:
    """Version managers leave launchers on the path for interpreters that are not there."""
    code = "import sys; print(f'{sys.implementation.name[:1]}p{sys.version_info[0]}{sys.version_info[1]}')"
    try:
        done = subprocess.run(  # noqa: S603 - an interpreter of the user's path
            [interpreter, "-I", "-c", code], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout.strip() == tag


def _fits(filename: str, tag: str, machine: str) -> bool:
    return f"-{tag}-{tag}-manylinux" in filename and filename.endswith(f"_{machine}.whl")


def _extension(tag: str, machine: str) -> str:
    return f"paddle2onnx/paddle2onnx_cpp2py_export.cpython-{tag[2:]}-{machine}-linux-gnu.so"


def _export(interpreter: str, extension: Path, model: Path, params: Path, output: Path) -> bytes:
    script = Path(__file__).with_name("paddle_export.py")
    command = [interpreter, "-I", str(script), str(extension), str(model), str(params), str(output), str(OPSET)]
    try:
        done = subprocess.run(  # noqa: S603 - our own script
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, errors="replace"
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ModelError(f"the conversion of {model.name} could not run: {error}") from error
    if done.returncode or not output.is_file():
        last = (done.stderr + done.stdout).strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise ModelError(f"the conversion of {model.name} failed: {last[0]}")
    return output.read_bytes()
