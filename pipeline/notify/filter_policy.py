"""Filter policies of subscriptions: read, checked against SNS's limits, and laid out for matching."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, NoReturn

from pipeline.notify.filter_rules import Rules, rules_of
from pipeline.notify.refusals import PolicyRefused

MAX_KEYS = 5
MAX_COMBINATIONS = 150
MAX_BYTES = 256 * 1024
"""Source of the three: Amazon SNS Developer Guide, "Filter policy constraints in Amazon SNS"."""
MAX_STEPS = 32
"""Names on the way to a value; deeper policies cannot be told from an attack."""
OR = "$or"


class Scope(StrEnum):
    """What a policy looks at."""

    ATTRIBUTES = "MessageAttributes"
    BODY = "MessageBody"


@dataclass(frozen=True, slots=True)
class Condition:
    """What a policy asks of the values under one name.

    Attributes:
        path: The name, from the outermost in; a name with dots is several steps.
        rules: What one of the values must be.
    """

    path: tuple[str, ...]
    rules: Rules


@dataclass(frozen=True, slots=True)
class FilterPolicy:
    """A policy, ready to be matched.

    Attributes:
        scope: What it looks at.
        branches: A message that meets every condition of one of them is wanted.
    """

    scope: Scope
    branches: tuple[tuple[Condition, ...], ...]


def filter_policy(text: str, scope: Scope) -> FilterPolicy:
    """The policy.

    Raises:
        PolicyRefused: it is malformed, beyond a limit or not for the scope.
    """
    given = _parsed(text)
    try:
        _check_size(given, scope)
        return FilterPolicy(scope, tuple(tuple(branch) for branch in _branches(given, ())))
    except RecursionError:
        raise PolicyRefused("Filter policy is too complex") from None


@lru_cache(maxsize=512)
def _remembered(text: str, scope: Scope) -> FilterPolicy:
    return filter_policy(text, scope)


def stored_policy(attributes: Mapping[str, str]) -> FilterPolicy:
    """The policy of a subscription that has one, from its attributes as they are stored."""
    text, scope = attributes["FilterPolicy"], Scope(attributes.get("FilterPolicyScope", Scope.ATTRIBUTES))
    return _remembered(text, scope) if len(text) <= 4096 else filter_policy(text, scope)


def filter_hash(attributes: Mapping[str, str]) -> str | None:
    """Digest that subscriptions with the same policy share; None: they get everything."""
    if "FilterPolicy" not in attributes:
        return None
    scope = attributes.get("FilterPolicyScope", Scope.ATTRIBUTES)
    return hashlib.sha256(f"{scope}\n{attributes['FilterPolicy']}".encode()).hexdigest()


def is_empty(text: str) -> bool:
    """Whether the text stands for no policy, as SNS has it."""
    return text.strip() in {"", "{}"} or json_or_none(text) == {}


def json_or_none(text: str) -> Any:
    """What the JSON says, numbers as `Decimal`; None where it is none or nested too deeply."""
    try:
        return json.loads(text, parse_int=_decimal, parse_float=_decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _parsed(text: str) -> Mapping[str, Any]:
    if len(text.encode()) > MAX_BYTES:
        raise PolicyRefused(f"Filter policy is larger than {MAX_BYTES} bytes")
    try:
        given = json.loads(
            text,
            parse_int=_decimal,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeats,
        )
    except PolicyRefused:
        raise
    except (ValueError, RecursionError):
        raise PolicyRefused("failed to parse JSON") from None
    if not isinstance(given, dict):
        raise PolicyRefused("Filter is not an object")
    return given


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("NaN")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise PolicyRefused(f'"{repeated}" is given more than once')
    return members


def _check_size(given: Mapping[str, Any], scope: Scope) -> None:
    """Before anything is laid out: alternatives multiply."""
    keys, combinations = _size(given, 1, scope)
    if keys > MAX_KEYS:
        raise PolicyRefused(f"Filter policy can not have more than {MAX_KEYS} keys")
    if combinations > MAX_COMBINATIONS:
        raise PolicyRefused("Filter policy is too complex")


def _size(given: Mapping[str, Any], depth: int, scope: Scope) -> tuple[int, int]:
    """Keys and combinations of values: each list counts its length times its depth, alternatives add up.

    Source: Amazon SNS Developer Guide, "Filter policy constraints", and responses of SNS to nested `$or`.
    """
    if not given:
        raise PolicyRefused("Empty objects are not allowed")
    keys, combinations = 0, 1
    for name, value in given.items():
        if name == OR and is_alternatives(value):
            sizes = [_size(one, depth, scope) for one in value]
            keys += max(count for count, _ in sizes)
            combinations *= sum(count for _, count in sizes)
        elif isinstance(value, dict):
            if scope is Scope.ATTRIBUTES:
                raise NestedRefused("Filter policy scope MessageAttributes does not support nested filter policy")
            keys += 1
            combinations *= _size(value, depth + 1, scope)[1]
        elif isinstance(value, list):
            keys += 1
            combinations *= max(len(value), 1) * depth
        else:
            raise PolicyRefused(f'"{name}" must be an object or an array')
        # Numbers that only grow need not be computed to the end.
        combinations = min(combinations, MAX_COMBINATIONS + 1)
    return keys, combinations


class NestedRefused(PolicyRefused):
    """SNS words this refusal without the name of the attribute."""


def is_alternatives(value: Any) -> bool:
    """Whether `$or` is an operator rather than a name. Source: Event Ruler, "The "$or" Primitive"."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(one, dict) for one in value)


def _branches(given: Mapping[str, Any], path: tuple[str, ...]) -> list[list[Condition]]:
    """Every way through the alternatives, as the conditions on it."""
    branches: list[list[Condition]] = [[]]
    for name, value in given.items():
        branches = [[*before, *more] for more in _choices(name, value, path) for before in branches]
    return branches


def _choices(name: str, value: Any, path: tuple[str, ...]) -> Iterator[list[Condition]]:
    if name == OR and is_alternatives(value):
        for one in value:
            yield from _branches(one, path)
        return
    here = (*path, *name.split("."))
    if len(here) > MAX_STEPS:
        raise PolicyRefused("Filter policy is too complex")
    if isinstance(value, dict):
        yield from _branches(value, here)
    else:
        yield [Condition(here, rules_of(value))]
