"""Filter policies against two other opinions: one that tries every combination of values, and moto's."""

import itertools
import json
from collections.abc import Iterator, Mapping
from fractions import Fraction
from random import Random
from typing import Any

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from moto.sns.utils import FilterPolicyMatcher

from pipeline.notify.filter_policy import Scope, filter_policy
from pipeline.notify.filtering import Message
from pipeline.notify.refusals import PolicyRefused
from pipeline.notify.wildcards import fits, wildcard_parts

Leaf = tuple[str, Any, Mapping[int, int]]
"""Name with dots, value, and which element of which arrays it is in."""

WORDS = st.sampled_from(["", "a", "b", "ab", "ba", "Ab", "10.0.0.1", "10.0.1.1"])
NUMBERS = st.sampled_from([0, 1, -1, 2.5, 1e3, 10**9, 10**10, 0.1])
SCALARS = st.one_of(WORDS, NUMBERS, st.booleans(), st.none())
NAMES = st.sampled_from(["a", "b", "c"])
BODIES = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
    ),
    max_size=3,
)
OPERATORS = ("=", "<", "<=", ">", ">=")
RULES = st.one_of(
    SCALARS,
    st.builds(lambda kind, word: {kind: word}, st.sampled_from(["prefix", "suffix", "equals-ignore-case"]), WORDS),
    st.builds(lambda word: {"wildcard": word}, st.sampled_from(["*", "a*", "*b", "a*b", "*a*", "1*.*1"])),
    st.builds(lambda word: {"anything-but": word}, WORDS | NUMBERS | st.lists(WORDS, min_size=1, max_size=2)),
    st.builds(lambda kind: {"anything-but": {kind: "a"}}, st.sampled_from(["prefix", "suffix"])),
    st.builds(lambda yes: {"exists": yes}, st.booleans()),
    st.builds(lambda operator, number: {"numeric": [operator, number]}, st.sampled_from(OPERATORS), NUMBERS),
    st.just({"numeric": [">", -1, "<=", 2.5]}),
    st.just({"cidr": "10.0.0.0/24"}),
)
LISTS = st.lists(RULES, min_size=1, max_size=3)
POLICIES = st.recursive(
    st.dictionaries(NAMES, LISTS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner | LISTS, min_size=1, max_size=2),
        st.builds(lambda one, other, rest: {"$or": [one, other], **rest}, inner, inner, inner),
    ),
    max_leaves=4,
)


def leaves(node: Any, name: str, places: Mapping[int, int], numbers: Iterator[int]) -> Iterator[Leaf]:
    """Every value of a message."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{name}.{key}" if name else key, places, numbers)
    elif isinstance(node, list):
        array = next(numbers)
        for index, value in enumerate(node):
            yield from leaves(value, name, {**places, array: index}, numbers)
    else:
        yield name, node, places


def ways(policy: Mapping[str, Any], name: str = "") -> list[list[tuple[str, list[Any]]]]:
    """Every way through `$or`, as name and rules."""
    found: list[list[tuple[str, list[Any]]]] = [[]]
    for key, value in policy.items():
        here = f"{name}.{key}" if name else key
        if key == "$or":
            more = [way for one in value for way in ways(one, name)]
        elif isinstance(value, dict):
            more = ways(value, here)
        else:
            more = [[(here, value)]]
        found = [[*one, *other] for one in found for other in more]
    return found


def holds(rule: Any, value: Any) -> bool:
    """Whether the rule takes the value."""
    if not isinstance(rule, dict):
        numbers = is_number(rule) and is_number(value)
        return millionths(rule) == millionths(value) if numbers else type(rule) is type(value) and rule == value
    [(kind, wanted)] = rule.items()
    if kind == "anything-but":
        refused = [{key: text} for key, text in wanted.items()] if isinstance(wanted, dict) else wanted
        return not any(holds(one, value) for one in (refused if isinstance(refused, list) else [refused]))
    if kind == "exists":
        return wanted and value not in (None, "")
    if kind == "numeric":
        pairs = zip(wanted[::2], wanted[1::2], strict=True)
        return is_number(value) and abs(value) <= 10**9 and all(compared(*pair, value) for pair in pairs)
    return isinstance(value, str) and reads(kind, wanted, value)


def reads(kind: str, wanted: str, value: str) -> bool:
    """What rules on text say; addresses come from a handful, so that their text tells the network."""
    match kind:
        case "prefix":
            return value[: len(wanted)] == wanted
        case "suffix":
            return wanted == "" or value[-len(wanted) :] == wanted
        case "equals-ignore-case":
            return value.casefold() == wanted.casefold()
        case "wildcard":
            return tried(wanted, value)
        case _:
            return value == "10.0.0.1"


def tried(pattern: str, text: str) -> bool:
    """Wildcards by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(tried(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and tried(pattern[1:], text[1:])


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def millionths(value: Any) -> Any:
    exact = Fraction(str(value))
    return exact * 10**6 // 1 if abs(exact) <= 10**9 else exact


def compared(operator: str, bound: Any, value: Any) -> bool:
    one, other = millionths(value), millionths(bound)
    return {"=": one == other, "<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[operator]


def consistent(chosen: list[Leaf]) -> Mapping[int, int] | None:
    """The elements that the values are in; None: two are in different elements of one array."""
    merged: dict[int, int] = {}
    for _, _, places in chosen:
        if any(merged.get(array, index) != index for array, index in places.items()):
            return None
        merged |= places
    return merged


def expected(policy: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    """The verdict, by trying every choice of one value, or of its absence, for each name."""
    found = list(leaves(message, "", {}, itertools.count()))
    for way in ways(policy):
        choices = []
        for name, rules in way:
            fitting: list[Leaf | None] = [
                leaf for leaf in found if leaf[0] == name and any(holds(rule, leaf[1]) for rule in rules)
            ]
            choices.append(fitting + ([None] if {"exists": False} in rules else []))
        if any(meets(way, choice, found) for choice in itertools.product(*choices)):
            return True
    return False


def meets(way: list[tuple[str, list[Any]]], choice: tuple[Leaf | None, ...], found: list[Leaf]) -> bool:
    """Whether the values chosen go together, and those left out are missing where the others are."""
    places = consistent([leaf for leaf in choice if leaf is not None])
    if places is None:
        return False
    for (name, _), leaf in zip(way, choice, strict=True):
        there = [one for one in found if one[0] == name]
        near = [one for one in there if all(places.get(array, index) == index for array, index in one[2].items())]
        if leaf is None and near:
            return False
    return True


def judged(policy: dict[str, Any], message: dict[str, Any]) -> bool:
    """Whether the policy is one; if so, both opinions are the same."""
    try:
        read = filter_policy(json.dumps(policy), Scope.BODY)
    except PolicyRefused:
        # Bounds of `numeric` and the limits of complexity.
        return False
    assert Message(json.dumps(message), {}).wanted(read) is expected(policy, message)
    return True


@settings(max_examples=60, deadline=None)
@given(POLICIES, BODIES)
@example({"a": {"b": [1], "c": [{"exists": False}]}}, {"a": [{"b": 1}, {"c": 1}]})
@example({"a": {"b": [1], "c": [2]}}, {"a": [{"b": 1}, {"c": 2}]})
@example({"a": {"b": [{"exists": False}]}}, {"a": [[], [{"c": 1}]]})
def test_trying_everything_comes_to_the_same(policy: dict[str, Any], message: dict[str, Any]) -> None:
    assume(judged(policy, message))


def test_trying_everything_comes_to_the_same_for_thousands_of_policies() -> None:
    """Fewer kinds of values, and names that meet more often, than hypothesis would draw."""
    judgements = [judged(some_policy(random, 2), some_body(random)) for random in map(Random, range(4000))]
    assert sum(judgements) > 3000


def some_policy(random: Random, depth: int) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    for name in random.sample(["a", "b", "c"], random.choice([1, 1, 2])):
        policy[name] = some_policy(random, depth - 1) if depth and random.random() < 0.5 else some_rules(random)
    if depth and random.random() < 0.2:
        policy["$or"] = [some_policy(random, depth - 1) for _ in range(2)]
    return policy


def some_rules(random: Random) -> list[Any]:
    absent, present = {"exists": False}, {"exists": True}
    return random.sample(["a", "b", 1, None, {"prefix": "a"}, {"anything-but": "a"}, absent, absent, present], 2)


def some_body(random: Random) -> dict[str, Any]:
    return {name: some_value(random, 3) for name in random.sample(["a", "b", "c"], 2)}


def some_value(random: Random, depth: int) -> Any:
    kind = random.random() if depth else 1
    if kind < 0.35:
        return [some_value(random, depth - 1) for _ in range(random.choice([0, 1, 2, 2, 3]))]
    if kind < 0.7:
        return {name: some_value(random, depth - 1) for name in random.sample(["a", "b", "c"], random.choice([1, 2]))}
    return random.choice(["a", "b", "ab", 1, 2, None])


@settings(max_examples=150, deadline=None)
@given(st.text("ab*\\", max_size=8), st.text("ab*\\", max_size=8))
def test_wildcards_are_what_trying_everything_finds(pattern: str, text: str) -> None:
    try:
        parts = wildcard_parts(pattern)
    except PolicyRefused:
        return
    literal = pattern.replace("\\\\", "\N{DIGIT ONE}").replace("\\*", "\N{DIGIT TWO}")
    plain = text.replace("\\", "\N{DIGIT ONE}").replace("*", "\N{DIGIT TWO}")
    assert fits(parts, text) is tried(literal, plain)


TEXT_RULES = st.one_of(
    st.sampled_from(["a", "ab", "10"]),
    st.builds(lambda kind: {kind: "a"}, st.sampled_from(["prefix", "suffix"])),
    st.builds(lambda words: {"anything-but": words}, st.lists(st.sampled_from(["a", "ab"]), min_size=1, max_size=2)),
)
NUMBER_RULES = st.sampled_from([1, 2.5, *({"numeric": [operator, 1]} for operator in OPERATORS)])


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(NAMES, st.lists(TEXT_RULES, min_size=1, max_size=3), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["d", "e"]), st.lists(NUMBER_RULES, min_size=1, max_size=2)),
    st.dictionaries(NAMES, st.sampled_from(["a", "ab", "ba", "x"]), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["d", "e"]), st.sampled_from([0, 1, 2.5, 7])),
)
def test_moto_agrees_where_it_knows_the_rule(
    of_text: dict[str, Any], of_numbers: dict[str, Any], words: dict[str, str], numbers: dict[str, Any]
) -> None:
    """Rules on text for text, on numbers for numbers: docs/notifications.md lists where moto differs."""
    policy = of_text | of_numbers
    read = filter_policy(json.dumps(policy), Scope.ATTRIBUTES)
    shown = {name: {"Type": "String", "Value": value} for name, value in words.items()}
    typed = shown | {name: {"Type": "Number", "Value": value} for name, value in numbers.items()}
    ours = {name: {**one, "Value": str(one["Value"])} for name, one in typed.items()}
    assert Message("x", ours).wanted(read) is FilterPolicyMatcher(policy, "MessageAttributes").matches(typed, "x")
