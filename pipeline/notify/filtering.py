"""Which messages a filter policy wants."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

from pipeline.notify.filter_policy import Condition, FilterPolicy, Scope, json_or_none
from pipeline.notify.refusals import invalid

NUMBER = re.compile(r"[+-]?(?:[0-9]{1,100}(?:\.[0-9]{0,100})?|\.[0-9]{1,100})(?:[eE][+-]?[0-9]{1,4})?")
"""What an attribute of type Number must look like to be compared as one."""
MAX_EFFORT = 200_000
"""Values and patterns of policies that the elements of a message's arrays are held against, all policies together: a second or so.

Event Ruler looks at all policies at once; here a message of 256 KiB could keep a transaction open for hours.
"""


class _Found(Enum):
    """What a part of a message says to conditions.

    NOTHING: none of their names is in it, and all of them are content with that. GOOD: it meets them, and some name is in it.
    """

    BAD = 0
    NOTHING = 1
    GOOD = 2


_Asked = Sequence[tuple[Condition, int]]
"""Conditions, each with how many steps of its path were taken already."""


class _Effort:
    """What may still be spent on a message."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_EFFORT

    def spend(self, elements: int, asked: _Asked) -> None:
        """Before so many elements are held against the conditions.

        Raises:
            RequestError: InvalidParameter: it is too much.
        """
        self._left -= elements * sum(one.rules.effort for one, _ in asked)
        if self._left < 0:
            reason = "its arrays have too many elements for the filter policies of the topic"
            raise invalid("Message", reason)


class Message:
    """A message as policies see it, read when the first of them asks."""

    __slots__ = ("_attributes", "_body", "_effort", "_text")

    def __init__(self, text: str, attributes: Mapping[str, Mapping[str, str]]) -> None:
        """The message with its text and its attributes as notifications keep them."""
        self._text = text
        self._attributes = {name: _attribute(one) for name, one in attributes.items()}
        self._body: Any = ...
        self._effort = _Effort()

    def wanted(self, policy: FilterPolicy) -> bool:
        """Whether the policy lets the message through.

        An array in the message is met by one of its elements: conditions on members of its objects must all hold in the
        same one. Source: Event Ruler, "JSON Array Matching".

        Raises:
            RequestError: InvalidParameter: its arrays have too many elements for the policies that it was held against so far.
        """
        seen = self._seen(policy.scope)
        if not isinstance(seen, dict):
            return False
        try:
            return any(
                _ask(seen, [(one, 0) for one in branch], self._effort) is not _Found.BAD for branch in policy.branches
            )
        except RecursionError:
            return False

    def _seen(self, scope: Scope) -> Any:
        """Without any attribute nothing matches, not even `exists: false`. Source: "Key matching in Amazon SNS"."""
        if scope is Scope.ATTRIBUTES:
            return self._attributes or None
        if self._body is ...:
            self._body = json_or_none(self._text)
        return self._body


def _attribute(given: Mapping[str, str]) -> Any:
    """What a policy compares: text, a number, or the values of an array; an empty array for binary, which has none."""
    kind, value = given["Type"], given["Value"]
    if kind.startswith("String.Array"):
        values = json_or_none(value)
        return [one for one in values if not isinstance(one, dict | list)] if isinstance(values, list) else value
    if kind.startswith("Number"):
        return Decimal(value) if NUMBER.fullmatch(value) else value
    return [] if kind.startswith("Binary") else value


def _ask(node: Any, asked: _Asked, effort: _Effort) -> _Found:
    if isinstance(node, dict):
        return _ask_object(node, asked, effort)
    if isinstance(node, list):
        return _ask_array(node, asked, effort)
    return _together([_ask_value(node, one, taken) for one, taken in asked])


def _ask_value(value: Any, condition: Condition, taken: int) -> _Found:
    if taken < len(condition.path):
        return _missing(condition)
    return _Found.GOOD if condition.rules.take(value) else _Found.BAD


def _ask_array(elements: Sequence[Any], asked: _Asked, effort: _Effort) -> _Found:
    if not elements:
        return _together([_missing(one) for one, _ in asked])
    effort.spend(len(elements), asked)
    answers = set()
    for one in elements:
        if (answer := _ask(one, asked, effort)) is _Found.GOOD:
            return _Found.GOOD
        answers.add(answer)
    return _Found.BAD if _Found.BAD in answers else _Found.NOTHING


def _ask_object(members: Mapping[str, Any], asked: _Asked, effort: _Effort) -> _Found:
    routes: dict[str, list[tuple[Condition, int]]] = {}
    answers = []
    for condition, taken in asked:
        names = _names(members, condition, taken)
        if len(names) == 1:
            name, steps = names[0]
            routes.setdefault(name, []).append((condition, steps))
        else:
            answers.append(_ask_each(members, condition, names, effort))
    answers += [_ask(members[name], through, effort) for name, through in routes.items()]
    return _together(answers)


def _names(members: Mapping[str, Any], condition: Condition, taken: int) -> list[tuple[str, int]]:
    """The members through which the path may go on, and how many steps it has then taken: names may have dots."""
    path, found = condition.path, []
    name = ""
    for steps in range(taken + 1, len(path) + 1):
        name = path[taken] if steps == taken + 1 else f"{name}.{path[steps - 1]}"
        if name in members:
            found.append((name, steps))
    return found


def _ask_each(
    members: Mapping[str, Any], condition: Condition, names: Sequence[tuple[str, int]], effort: _Effort
) -> _Found:
    """Where a name with dots can be read in several ways, each way is good enough; none at all: the value is missing."""
    if not names:
        return _missing(condition)
    effort.spend(len(names), [(condition, 0)])
    answers = {_ask(members[name], [(condition, steps)], effort) for name, steps in names}
    if _Found.GOOD in answers:
        return _Found.GOOD
    return _Found.BAD if _Found.BAD in answers else _Found.NOTHING


def _missing(condition: Condition) -> _Found:
    return _Found.NOTHING if condition.rules.absent else _Found.BAD


def _together(answers: Sequence[_Found]) -> _Found:
    if _Found.BAD in answers:
        return _Found.BAD
    return _Found.GOOD if _Found.GOOD in answers else _Found.NOTHING
