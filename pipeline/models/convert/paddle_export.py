"""Run as a program of its own: loads paddle2onnx's extension by path and writes the ONNX file.

Native code that parses a foreign file belongs into a process that may crash. Only the standard library is imported, so
any interpreter that the extension was built for can run it.

Arguments: the extension, the model, its parameters, the output, the opset.
"""

import importlib.util
import sys


def main(extension: str, model: str, params: str, output: str, opset: str) -> None:
    """Exports the model."""
    spec = importlib.util.spec_from_file_location("paddle2onnx_cpp2py_export", extension)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # opset, choose it ourselves, verbose, check the model, experimental operators, optimise, custom operators, backend,
    # calibration file, external file, export in half precision
    options: tuple[object, ...] = (int(opset), True, False, True, True, True, {}, "onnxruntime", "", "", False)
    converted = module.export(model, params, *options)
    if not converted:
        sys.exit("the model uses operators that have no ONNX counterpart")
    with open(output, "wb") as file:  # noqa: PTH123 - nothing but open is needed here
        file.write(converted)


if __name__ == "__main__":
    main(*sys.argv[1:])
