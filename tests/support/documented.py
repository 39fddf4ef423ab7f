"""The examples of Rekognition's documentation, as the SDKs ship them, and what an answer must have in common with a documented one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.loaders import Loader

Examples = Mapping[str, Sequence[Mapping[str, Any]]]
"""Operation -> its examples, each with `input` and, where it answers anything, `output`."""

EXACT = frozenset({"StatusCode", "CollectionIds", "DeletedFaces", "SearchedFaceId", "UserId", "Reasons"})
"""Members whose values do not depend on what is in a picture."""


def of_botocore() -> Examples:
    """The examples of the installed botocore."""
    examples: Examples = Loader().load_service_model("rekognition", "examples-1")["examples"]
    return examples


def of_javascript(node_modules: Path) -> Examples:
    """The examples of the AWS SDK for JavaScript v2."""
    path = node_modules / "aws-sdk/apis/rekognition-2016-06-27.examples.json"
    examples: Examples = json.loads(path.read_text(encoding="utf-8"))["examples"]
    return examples


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The value with identifiers of the documentation replaced by those that exist."""
    if isinstance(value, dict):
        return {name: renamed(member, names) for name, member in value.items()}
    if isinstance(value, list):
        return [renamed(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def missing(documented: Any, answered: Any, path: str = "", exact: bool = False) -> list[str]:
    """Where the answer lacks a member of the documented one, or has it with another type, or with another value where that counts.

    Of lists, each documented item must have its like in the answer.
    """
    if isinstance(documented, dict) and isinstance(answered, dict):
        lacking = [f"{path}.{name} is missing" for name in documented if name not in answered]
        shared = [name for name in documented if name in answered]
        found = (missing(documented[name], answered[name], f"{path}.{name}", name in EXACT) for name in shared)
        return lacking + [each for faults in found for each in faults]
    if isinstance(documented, list) and isinstance(answered, list):
        return [
            fault
            for place, item in enumerate(documented)
            for fault in _unlike(item, answered, f"{path}[{place}]", exact)
        ]
    if exact and documented != answered:
        return [f"{path} is {answered!r}, not {documented!r}"]
    return [] if _kind(documented) == _kind(answered) else [f"{path} is {answered!r}, unlike {documented!r}"]


def _unlike(item: Any, answered: list[Any], path: str, exact: bool) -> list[str]:
    """The faults of the answered item that is most like the documented one."""
    return min((missing(item, each, path, exact) for each in answered), key=len, default=[f"{path} is missing"])


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
