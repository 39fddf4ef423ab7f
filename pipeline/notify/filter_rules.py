"""The rules of a filter policy: what it may say about one value.

The grammar, the limits and the words of refusals are those of Amazon SNS, which are in turn those of Event Ruler.
Source: Amazon SNS Developer Guide, "Amazon SNS subscription filter policies"; https://github.com/aws/event-ruler.
"""

import ipaddress
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Any

from pipeline.notify.refusals import PolicyRefused
from pipeline.notify.wildcards import fits, wildcard_parts

Value = str | Decimal | bool | None
"""One value of a message: text, a number, true, false or null."""
Test = Callable[[Value], bool]
"""Whether a value is what a rule asks for."""

LARGEST = Decimal(10**9)
"""Bound of what `numeric` compares, either way."""
DIGITS = Decimal(10**6)
"""Digits behind the point that count: six, one more than SNS promises, as Event Ruler."""
MAX_PATTERNS = 150
"""Of one `anything-but`."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The alternatives for one property.

    Attributes:
        tests: A value that any of them takes is enough.
        absent: So is that there is no value at all.
        effort: How many values and patterns they hold against one value, at most.
    """

    tests: tuple[Test, ...]
    absent: bool
    effort: int

    def take(self, value: Value) -> bool:
        """Whether the value is one of those asked for."""
        return any(test(value) for test in self.tests)


def rules_of(given: list[Any]) -> Rules:
    """The rules that a list of a policy spells; numbers in it are `Decimal`.

    Raises:
        PolicyRefused: one of them is no rule.
    """
    if not given:
        raise PolicyRefused("Empty arrays are not allowed")
    absent = {"exists": False}
    present = tuple(_rule(one) for one in given)
    return Rules(present, any(one == absent for one in given), sum(map(_effort, given)))


def _effort(given: Any) -> int:
    """One, but for patterns that are tried one after the other."""
    refused = given.get("anything-but") if isinstance(given, Mapping) else None
    patterns = next(iter(refused.values()), None) if isinstance(refused, Mapping) else None
    return len(patterns) if isinstance(patterns, list) else 1


@lru_cache(maxsize=256)
def comparable(number: Decimal) -> int | None:
    """The number in millionths, rounded down; None: beyond what `numeric` compares."""
    if number.is_nan() or not -LARGEST <= number <= LARGEST:
        return None
    return int((number * DIGITS).to_integral_value(ROUND_FLOOR))


def _rule(given: Any) -> Test:
    if isinstance(given, Mapping):
        return _expression(given)
    if isinstance(given, Decimal):
        return _equal_number(given)
    if given is None or isinstance(given, str | bool):
        return lambda value: type(value) is type(given) and value == given
    raise PolicyRefused("Match value must be String, number, true, false, or null")


def _expression(given: Mapping[str, Any]) -> Test:
    kind = _only_key(given, _EXPRESSIONS, "Match expression", "Unrecognized match type {}")
    return _EXPRESSIONS[kind](given[kind])


def _only_key(given: Mapping[str, Any], known: Container[str], what: str, unknown: str) -> str:
    """Which one of those known it is."""
    if not given:
        raise PolicyRefused(f"{what} name not found")
    kind = next(iter(given))
    if kind not in known:
        raise PolicyRefused(unknown.format(kind))
    if len(given) > 1:
        raise PolicyRefused("Only one key allowed in match expression")
    return kind


def _equal_number(wanted: Decimal) -> Test:
    """Exact beyond the range of `numeric`, so that account numbers can be matched."""
    scaled = comparable(wanted)
    if scaled is None:
        return lambda value: isinstance(value, Decimal) and value == wanted
    return lambda value: isinstance(value, Decimal) and comparable(value) == scaled


def _prefix(given: Any) -> Test:
    start = _text(given, "prefix")
    return lambda value: isinstance(value, str) and value.startswith(start)


def _suffix(given: Any) -> Test:
    end = _text(given, "suffix")
    return lambda value: isinstance(value, str) and value.endswith(end)


def _same_letters(given: Any) -> Test:
    wanted = _text(given, "equals-ignore-case").lower()
    return lambda value: isinstance(value, str) and value.lower() == wanted


def _wildcard(given: Any) -> Test:
    parts = wildcard_parts(_text(given, "wildcard"))
    return lambda value: isinstance(value, str) and fits(parts, value)


def _anything_but(given: Any) -> Test:
    if not isinstance(given, Mapping):
        return _none_of(_refused_values(given))
    refused = _refused_patterns(given)
    return lambda value: not any(test(value) for test in refused)


def _none_of(values: list[Any]) -> Test:
    """However many values there are, one look."""
    keys = frozenset(_key(value) for value in values)
    return lambda value: not isinstance(value, str | Decimal) or _key(value) not in keys


def _key(value: str | Decimal) -> Any:
    return value if isinstance(value, str) else (comparable(value), value if comparable(value) is None else 0)


def _refused_values(given: Any) -> list[Any]:
    values = given if isinstance(given, list) else [given]
    if not isinstance(given, list | str | Decimal):
        raise PolicyRefused("Value of anything-but must be an array or single string/number value.")
    if not all(isinstance(value, str | Decimal) for value in values):
        raise PolicyRefused("Inside anything but list, start|null|boolean is not supported.")
    if len({type(value) for value in values}) != 1:
        kinds = "either all values are number or string, mixed type is not supported"
        raise PolicyRefused(f"Inside anything but list, {kinds}")
    return values


def _refused_patterns(given: Mapping[str, Any]) -> list[Test]:
    kind = _only_key(given, _PATTERNS, "Anything-But expression", "Unsupported anything-but pattern: {}")
    values = given[kind] if isinstance(given[kind], list) else [given[kind]]
    if "" in values:
        raise PolicyRefused(f"Null {kind} not allowed")
    if not values:
        raise PolicyRefused("Empty arrays are not allowed")
    if len(values) > MAX_PATTERNS:
        raise PolicyRefused("Filter policy is too complex")
    return [_PATTERNS[kind](value) for value in values]


def _exists(given: Any) -> Test:
    """An absent value takes no test: `Rules.absent` is for it. Source: "Key matching": a value of null or "" does not count."""
    if not isinstance(given, bool):
        raise PolicyRefused("exists match pattern must be either true or false.")
    return lambda value: given and value is not None and value != ""


def _cidr(given: Any) -> Test:
    address, slash, bits = _text(given, "prefix").partition("/")  # SNS calls it so
    if not slash or "/" in bits:
        raise PolicyRefused("Malformed CIDR, one '/' required")
    if not re.fullmatch("[0-9]{1,3}", bits):
        raise PolicyRefused("Malformed CIDR, mask bits must be an integer")
    start = _address(address)
    if start is None:
        raise PolicyRefused(f"Nonstandard IP address: {address}")
    if int(bits) > start.max_prefixlen:
        raise PolicyRefused(f"IPv{start.version} mask bits must be < {start.max_prefixlen + 1}")
    network = ipaddress.ip_network(f"{address}/{int(bits)}", strict=False)
    return lambda value: isinstance(value, str) and (found := _address(value)) is not None and found in network


@lru_cache(maxsize=256)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _text(given: Any, name: str) -> str:
    if not isinstance(given, str):
        raise PolicyRefused(f"{name} match pattern must be a string")
    return given


def _numeric(given: Any) -> Test:
    if not isinstance(given, list):
        raise PolicyRefused("Value of numeric must be an array.")
    terms = list(given)
    operator = terms.pop(0) if terms else None
    if not isinstance(operator, str):
        raise PolicyRefused(f"Invalid member in numeric match: {']' if operator is None else _shown(operator)}")
    if operator not in _COMPARISONS:
        raise PolicyRefused(f"Unrecognized numeric range operator: {operator}")
    bound = _bound(operator, terms)
    if not terms:
        return _compare(operator, bound)
    return _range(operator, bound, terms)


def _range(operator: str, bottom: int, terms: list[Any]) -> Test:
    if operator not in {">", ">="}:
        raise PolicyRefused("Too many elements in numeric expression")
    second = terms.pop(0)
    if not isinstance(second, str):
        raise PolicyRefused(f"Bad value in numeric range: {_shown(second)}")
    if second not in {"<", "<="}:
        raise PolicyRefused(f"Bad numeric range operator: {second}")
    top = _bound(second, terms)
    if terms:
        raise PolicyRefused("Too many terms in numeric range expression")
    if bottom >= top:
        raise PolicyRefused("Bottom must be less than top")
    above, below = _compare(operator, bottom), _compare(second, top)
    return lambda value: above(value) and below(value)


def _bound(operator: str, terms: list[Any]) -> int:
    value = terms.pop(0) if terms else None
    if not isinstance(value, Decimal):
        raise PolicyRefused(f"Value of {'equals' if operator == '=' else operator} must be numeric")
    scaled = comparable(value)
    if scaled is None:
        raise PolicyRefused(f"Value must be between -{LARGEST} and {LARGEST}, inclusive")
    return scaled


def _shown(value: Any) -> str:
    return str(value)[:80]


def _compare(operator: str, bound: int) -> Test:
    holds = _COMPARISONS[operator]
    return lambda value: (
        isinstance(value, Decimal) and (scaled := comparable(value)) is not None and holds(scaled, bound)
    )


_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = dict(
    zip(("=", "<", "<=", ">", ">="), (int.__eq__, int.__lt__, int.__le__, int.__gt__, int.__ge__), strict=True)
)
_Maker = Callable[[Any], Test]
_PATTERNS: Mapping[str, _Maker] = dict(
    zip(
        ("prefix", "suffix", "equals-ignore-case", "wildcard"),
        (_prefix, _suffix, _same_letters, _wildcard),
        strict=True,
    )
)
_OTHERS: Mapping[str, _Maker] = {"anything-but": _anything_but, "numeric": _numeric, "exists": _exists, "cidr": _cidr}
_EXPRESSIONS: Mapping[str, _Maker] = {**_PATTERNS, **_OTHERS}
