"""Values for members of requests: valid ones by the shapes of botocore's models, and those that programs stumble over."""

import base64
import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from api.protocol.validate import matches

BROKEN_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "line\nbreak\r\n",
    "\ud800",
    "\udfff\ud800",
    "\u202egnirts\u200b",
    "\U0001f600" * 50,
    "e\u0301" * 300,
    "İıſ",
    "A" * 256,
    "A" * 70_000,
    "../../../../etc/passwd",
    "..",
    ".",
    "/",
    "a/../../b",
    "a//b",
    "%2e%2e%2f%00",
    "C:\\windows\\win.ini",
    "' OR '1'='1' --",
    "'; DROP TABLE jobs; --",
    '"}}{{7*7}}${7*7}#{7*7}<%= 7*7 %>',
    "${jndi:ldap://127.0.0.1:9/a}",
    "<script>alert(1)</script><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "%s%n%d{0}{__class__}",
    "arn:aws:sns:::",
    "arn:" + "a:" * 2000,
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "http://[::1]:0/",
    "http://user:pass@127.0.0.1:99999/",
    "1e309",
    "NaN",
    "-0",
    "true",
    "null",
    "{}",
    "[" * 5000,
    '{"a":' * 3000,
    "(a+)+$" + "a" * 60,
    "\x1b[31m",
    "\ufeff",
)
BROKEN_NUMBERS = (
    0,
    -1,
    1,
    -0.0,
    0.1,
    100.0001,
    101,
    2**31 - 1,
    2**31,
    -(2**31) - 1,
    2**63,
    -(2**63),
    2**64,
    10**25,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
)
OTHER_KINDS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"b": []}}, "text", 5, 0.5)
DEEP = (50, 900, 100_000)


class Values:
    """Valid values of shapes; where strings need more than their pattern, those that exist in the installation.

    Args:
        rng: Decides everything.
        known: Name of a member -> values that exist; a name that ends alike will do.
        texts: Tried where a pattern must match.
    """

    def __init__(self, rng: Random, known: Mapping[str, Sequence[Any]], texts: Sequence[str]) -> None:
        self._rng = rng
        self._known = known
        self._texts = texts
        self._by_pattern: dict[str, list[str]] = {}

    def of(self, shape: Shape | None, name: str = "", depth: int = 0) -> Any:
        """A value, mostly valid, in JSON's terms."""
        if name in self._known and self._rng.random() < 0.7:
            return copy.deepcopy(self._rng.choice(self._known[name]))
        if isinstance(shape, StructureShape):
            optional = 0.5 if depth < 4 else 0.1
            wanted = [m for m in shape.members if m in shape.required_members or self._rng.random() < optional]
            return {member: self.of(shape.members[member], member, depth + 1) for member in wanted}
        if isinstance(shape, ListShape):
            count = shape.metadata.get("min", 0) + self._rng.choice((0, 1, 1, 2))
            return [self.of(shape.member, name, depth + 1) for _ in range(count)]
        if isinstance(shape, MapShape) and name == "Attributes" and "AttributeName" in self._known:
            names = self._rng.sample(self._known["AttributeName"], 2)
            return {one: self._rng.choice(self._known["AttributeValue"]) for one in names}
        if isinstance(shape, MapShape):
            return {
                self.of(shape.key, "", depth + 1): self.of(shape.value, "", depth + 1)
                for _ in range(self._rng.choice((0, 1, 2)))
            }
        return self._scalar(shape) if shape is not None else {}

    def _scalar(self, shape: Shape) -> Any:
        low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 100)
        match shape.type_name:
            case "string":
                return self._text(shape)
            case "boolean":
                return self._rng.random() < 0.5
            case "integer" | "long":
                return self._rng.randint(int(low), max(int(low), min(int(high), 1000)))
            case "float" | "double":
                return round(self._rng.uniform(low, high), 3)
            case "blob":
                return base64.b64encode(self._rng.randbytes(self._rng.choice((1, 50, 500)))).decode()
        return datetime.now(UTC).timestamp()

    def _text(self, shape: Shape) -> str:
        if enum := getattr(shape, "enum", None):
            return str(self._rng.choice(enum))
        pattern, low = shape.metadata.get("pattern"), shape.metadata.get("min", 0)
        if pattern is None:
            return "a" * max(low, self._rng.choice((1, 5, 20)))
        if pattern not in self._by_pattern:
            self._by_pattern[pattern] = [text for text in self._texts if matches(pattern, text)] or ["a" * max(low, 1)]
        return self._rng.choice(self._by_pattern[pattern])


def broken(rng: Random, value: Any) -> Any:
    """Another value in the place of one: of the same kind and extreme, or of another kind."""
    dice = rng.random()
    if dice < 0.45 and isinstance(value, str):
        return rng.choice(BROKEN_TEXTS)
    if dice < 0.45 and isinstance(value, int | float):
        return rng.choice(BROKEN_NUMBERS)
    if dice < 0.6 and isinstance(value, list):
        return value * rng.choice((0, 2, 30, 2000))
    if dice < 0.7 and isinstance(value, str):
        return value + rng.choice(BROKEN_TEXTS)
    return copy.deepcopy(
        rng.choice(
            (rng.choice(OTHER_KINDS), rng.choice(BROKEN_NUMBERS), rng.choice(BROKEN_TEXTS), [value], {"x": value})
        )
    )


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in the value with every key or number in it."""
    found: list[tuple[Any, Any]] = []
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    for key in keys:
        found.append((value, key))
        found += places(value[key])
    return found


def harmed(rng: Random, request: dict[str, Any]) -> dict[str, Any]:
    """The request with one to three members changed, missing, renamed or added."""
    request = copy.deepcopy(request)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        spots = places(request)
        dice = rng.random()
        if not spots or dice < 0.05:
            request[rng.choice(("Unknown", "", "__proto__", "a" * 5000, "\0"))] = rng.choice(BROKEN_TEXTS)
            continue
        where, key = rng.choice(spots)
        if dice < 0.15:
            del where[key]
        elif dice < 0.2 and isinstance(where, dict):
            where[rng.choice((str(key).lower(), f"{key} ", f"{key}.member.1"))] = where.pop(key)
        else:
            where[key] = broken(rng, where[key])
    return request
