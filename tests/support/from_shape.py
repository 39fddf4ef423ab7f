"""Values from the shapes of a botocore model: any valid ones for hypothesis, one full example, and violations of it."""

import copy
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st

from api.protocol.validate import matches

LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
LATIN = st.characters(codec="latin-1", exclude_characters="\0")
"""What patterns are filled with; more letters make hypothesis slow on them and find nothing else."""
MORE = 2
"""How many items more than it must a generated list has at most: shapes are deep."""


_strategies: dict[str, st.SearchStrategy[Any]] = {}
_examples: dict[str, Any] = {}
"""By name of the shape: botocore makes a new object for every mention of a shape."""


def from_shape(shape: Shape) -> st.SearchStrategy[Any]:
    """Every value that satisfies the constraints of the shape, in Python's terms."""
    if shape.name not in _strategies:
        _strategies[shape.name] = _strategy(shape)
    return _strategies[shape.name]


def _strategy(shape: Shape) -> st.SearchStrategy[Any]:
    rules = shape.metadata
    low, high = rules.get("min"), rules.get("max")
    if isinstance(shape, StructureShape):
        parts = {name: from_shape(member) for name, member in shape.members.items()}
        required = {name: parts.pop(name) for name in list(parts) if name in shape.required_members}
        return st.fixed_dictionaries(required, optional=parts)
    if isinstance(shape, ListShape):
        return st.lists(from_shape(shape.member), min_size=low or 0, max_size=min((low or 0) + MORE, high or math.inf))
    if isinstance(shape, MapShape):
        return st.dictionaries(from_shape(shape.key), from_shape(shape.value), min_size=low or 0, max_size=MORE)
    return _scalar(shape, low, high)


def _scalar(shape: Shape, low: Any, high: Any) -> st.SearchStrategy[Any]:
    size = 2**31 if shape.type_name == "integer" else 2**63
    kinds = {
        "string": lambda: _text(shape),
        "boolean": st.booleans,
        "integer": lambda: st.integers(-size if low is None else low, size - 1 if high is None else high),
        "float": lambda: st.floats(low, high, allow_nan=False, allow_infinity=False),
        "blob": lambda: st.binary(min_size=low or 0, max_size=(low or 0) + 20),
        "timestamp": lambda: st.integers(0, 4 * 10**9).map(lambda s: datetime.fromtimestamp(s, UTC)),
    }
    return {**kinds, "long": kinds["integer"]}[shape.type_name]()


def _text(shape: Shape) -> st.SearchStrategy[str]:
    rules = shape.metadata
    if shape.enum:
        return st.sampled_from(shape.enum)
    low, high = rules.get("min", 0), rules.get("max", 10**6)
    pattern = rules.get("pattern")
    if pattern is None:
        return st.text(LETTERS, min_size=low, max_size=min(high, low + 20))
    if r"\p{" in pattern:
        return st.text("aZ0é_.:/=+-@ ", min_size=low, max_size=20).filter(lambda t: matches(pattern, t))
    texts = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True, alphabet=LATIN)
    return texts.filter(lambda t: low <= len(t) <= high and matches(pattern, t))


def _smallest(shape: Shape) -> Any:
    if shape.name not in _examples:
        _examples[shape.name] = _found(shape)
    return _examples[shape.name]


def _found(shape: Shape) -> Any:
    quiet = settings(
        database=None, derandomize=True, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    return find(from_shape(shape), lambda _: True, settings=quiet)


def example(shape: Shape) -> Any:
    """A valid value with every member present."""
    if isinstance(shape, StructureShape):
        return {name: example(member) for name, member in shape.members.items()}
    if isinstance(shape, ListShape):
        return [example(shape.member) for _ in range(max(1, shape.metadata.get("min", 0)))]
    if isinstance(shape, MapShape):
        return {example(shape.key): example(shape.value)}
    return _smallest(shape)


@dataclass(frozen=True)
class Wrong:
    """A request with one thing wrong.

    Attributes:
        path: Where, in AWS's spelling.
        constraint: What the message must say about it.
        request: All of it.
    """

    path: str
    constraint: str
    request: Any

    def __str__(self) -> str:
        return f"{self.path}: {self.constraint}"


def wrongs(shape: StructureShape) -> Iterator[Wrong]:
    """One request per constraint of the shape and of everything below it."""
    yield from _below(shape, example(shape), "")


def _below(shape: StructureShape, whole: dict[str, Any], prefix: str) -> Iterator[Wrong]:
    for name, member in shape.members.items():
        path = prefix + name[0].lower() + name[1:]
        if name in shape.required_members:
            yield Wrong(path, "Member must not be null", {k: v for k, v in whole.items() if k != name})
        for where, constraint, value in _values(member, whole[name], path):
            yield Wrong(where, constraint, {**copy.deepcopy(whole), name: value})


def _values(shape: Shape, good: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    yield from ((path, constraint, value) for constraint, value in _own(shape, good))
    if isinstance(shape, StructureShape):
        yield from ((w.path, w.constraint, w.request) for w in _below(shape, good, f"{path}."))
    elif isinstance(shape, ListShape):
        scalar = not isinstance(shape.member, StructureShape | ListShape | MapShape)
        for where, constraint, value in _values(shape.member, good[0], path if scalar else f"{path}.1.member"):
            yield where, constraint, [value, *good[1:]]
    elif isinstance(shape, MapShape):
        [(key, value)] = good.items()
        yield from ((path, constraint, {bad: value}) for constraint, bad in _own(shape.key, key))
        yield from ((path, constraint, {key: bad}) for constraint, bad in _own(shape.value, value))


def _own(shape: Shape, good: Any) -> Iterator[tuple[str, Any]]:
    rules = shape.metadata
    numeric = isinstance(good, int | float)
    what = "value" if numeric else "length"
    if "min" in rules and (numeric or rules["min"] > 0):
        yield (
            f"{what} greater than or equal to {rules['min']}",
            rules["min"] - 1 if numeric else _resized(good, rules["min"] - 1),
        )
    if "max" in rules:
        yield (
            f"{what} less than or equal to {rules['max']}",
            rules["max"] + 1 if numeric else _resized(good, rules["max"] + 1),
        )
    if "pattern" in rules:
        bad = next(t for t in (" ", "~", "\n", "☃", "\0") if not matches(rules["pattern"], t))
        yield f"regular expression pattern: {rules['pattern']}", bad * max(1, rules.get("min", 0))
    if getattr(shape, "enum", None):
        yield "enum value set", "NO_SUCH_VALUE"


def _resized(good: Any, size: int) -> Any:
    match good:
        case str():
            return (good + "a" * size)[:size]
        case bytes():
            return bytes(size)
        case list():
            return (good * (size + 1))[:size]
        case dict():
            [(_, value)] = good.items()
            return {f"key{i}": value for i in range(size)}
    raise AssertionError(good)
