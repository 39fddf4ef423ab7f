"""The constraints of the service model, checked on parsed requests.

botocore's clients check only `required`, types and `min`; AWS checks everything on its side, and so do we. The words
are those of AWS: "1 validation error detected: Value 'x y' at 'jobId' failed to satisfy constraint: …".
"""

import re
from collections.abc import Iterator, Sequence, Sized
from dataclasses import dataclass
from functools import cache
from typing import Any

import regex
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from pipeline.errors import RequestError

SHOWN_VALUE = 64
"""Characters of an offending value that a message repeats."""
SHOWN_VIOLATIONS = 10
PATTERN_S = 1.0
"""A pattern that needs longer than this on a value counts as violated: some can be made to backtrack without end."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One constraint that one member does not satisfy.

    Attributes:
        path: Where, in AWS's spelling: "video.s3Object.bucket".
        value: What to show of the value; None: nothing, because it is secret or has no text.
        constraint: What it must do: "Member must not be null".
    """

    path: str
    value: str | None
    constraint: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" {self.value}"
        return f"Value{shown} at '{self.path}' failed to satisfy constraint: {self.constraint}"


def check(operation: OperationModel, request: dict[str, Any]) -> None:
    """Nothing, when the request satisfies every constraint of the operation's input.

    Raises:
        RequestError: it does not; the message names members and constraints.
    """
    if operation.input_shape is None:
        return
    found = list(violations(operation.input_shape, request))
    if found:
        raise RequestError(code_of(operation.name, found), _message(found))


def code_of(operation: str, found: Sequence[Violation]) -> str:
    """The error code for violated constraints: the only place that decides it.

    AWS checks the model's constraints before the service's own code runs and answers `ValidationException`, which no
    operation declares; `InvalidParameterException` is what the service itself says about values that are well-formed
    and still wrong. The reference promises `ValidationException` for page sizes beyond their maximum in seven
    operations, and `InvalidParameterException` for the same mistake in ListMediaAnalysisJobs alone.
    Source: Amazon Rekognition API reference, MaxResults of DescribeProjects, ListDatasetEntries, ListProjectPolicies
    and ListMediaAnalysisJobs.
    """
    if operation == "ListMediaAnalysisJobs" and all(v.path == "maxResults" for v in found):
        return "InvalidParameterException"
    return "ValidationException"


def violations(shape: Shape, value: Any, path: str = "") -> Iterator[Violation]:
    """Every constraint of the shape that the parsed value does not satisfy, in the model's order."""
    if isinstance(shape, StructureShape):
        yield from _structure(shape, value, path)
        return
    shown = _shown(shape, value, path)
    yield from (Violation(path, shown, constraint) for constraint in _own(shape, value))
    if isinstance(shape, ListShape):
        yield from _items(shape.member, value, path, shown)
    if isinstance(shape, MapShape):
        yield from _entries(shape, value, path, shown)


def _structure(shape: StructureShape, value: dict[str, Any], path: str) -> Iterator[Violation]:
    for name, member in shape.members.items():
        spelled = name[:1].lower() + name[1:]
        where = f"{path}.{spelled}" if path else spelled
        if name in value:
            yield from violations(member, value[name], where)
        elif name in shape.required_members:
            yield Violation(where, "null", "Member must not be null")


def _items(member: Shape, values: list[Any], path: str, shown: str | None) -> Iterator[Violation]:
    """Structures and lists are walked; scalars are reported once for the whole list, as AWS does."""
    if isinstance(member, StructureShape | ListShape | MapShape):
        for i, value in enumerate(values, 1):
            yield from violations(member, value, f"{path}.{i}.member")
    elif any(True for value in values for _ in _own(member, value)):
        yield Violation(path, shown, f"Member must satisfy constraint: [{', '.join(_all_of(member))}]")


def _entries(shape: MapShape, values: dict[str, Any], path: str, shown: str | None) -> Iterator[Violation]:
    for kind, part, given in (("keys", shape.key, list(values)), ("value", shape.value, list(values.values()))):
        if any(True for value in given for _ in _own(part, value)):
            yield Violation(path, shown, f"Map {kind} must satisfy constraint: [{', '.join(_all_of(part))}]")


def _own(shape: Shape, value: Any) -> Iterator[str]:
    """The constraints that the shape itself, not its members, puts on the value and that do not hold."""
    rules = shape.metadata
    low, high = rules.get("min"), rules.get("max")
    measure, what = (value, "value") if isinstance(value, int | float) else (_length(value), "length")
    if low is not None and measure is not None and not measure >= low:
        yield f"Member must have {what} greater than or equal to {low}"
    if high is not None and measure is not None and not measure <= high:
        yield f"Member must have {what} less than or equal to {high}"
    elif "pattern" in rules and not matches(rules["pattern"], value):
        yield f"Member must satisfy regular expression pattern: {rules['pattern']}"
    if (allowed := getattr(shape, "enum", None)) and value not in allowed:
        yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"


def _all_of(shape: Shape) -> Iterator[str]:
    """Every constraint of a scalar shape, in words."""
    rules = shape.metadata
    what = "length" if shape.type_name in {"string", "blob"} else "value"
    if "max" in rules:
        yield f"Member must have {what} less than or equal to {rules['max']}"
    if "min" in rules:
        yield f"Member must have {what} greater than or equal to {rules['min']}"
    if "pattern" in rules:
        yield f"Member must satisfy regular expression pattern: {rules['pattern']}"
    if allowed := getattr(shape, "enum", None):
        yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches a pattern of the model, which is a Java regular expression."""
    try:
        return compiled(pattern).fullmatch(text, timeout=PATTERN_S) is not None
    except TimeoutError:
        return False


@cache
def compiled(pattern: str) -> "regex.Pattern[str]":
    r"""The pattern with Java's meaning: `\d` and `\w` are ASCII, `.` stops at every line terminator, `\p{L}` is Unicode."""
    outside = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*\])|\.")
    translated = outside.sub(lambda m: m[1] or r"[^\n\r\u0085\u2028\u2029]", pattern)
    return regex.compile(translated, 0 if r"\p{" in pattern else regex.ASCII)


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, Sized) else None


def _shown(shape: Shape, value: Any, path: str) -> str | None:
    """The value as a message may repeat it: short, on one line, never a secret."""
    if shape.metadata.get("sensitive") or shape.type_name == "blob" or path.lower().endswith("token"):
        return None
    text = f"[{', '.join(str(v) for v in value[:SHOWN_VALUE])}]" if isinstance(value, list) else str(value)
    cut = text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "…"
    return "'" + "".join(letter if letter.isprintable() else "?" for letter in cut) + "'"


def _message(found: Sequence[Violation]) -> str:
    count = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    return f"{count} detected: {'; '.join(map(str, found[:SHOWN_VIOLATIONS]))}"
