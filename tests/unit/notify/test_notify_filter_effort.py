"""What holding a message against the policies of a topic may take."""

import json
from typing import Any

import pytest

from pipeline.errors import RequestError
from pipeline.notify.filter_policy import Scope, filter_policy
from pipeline.notify.filtering import Message


def body(policy: Any, message: Any) -> bool:
    """Whether a policy on the body wants the message."""
    return Message(json.dumps(message), {}).wanted(filter_policy(json.dumps(policy), Scope.BODY))


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"$or": [{"key": [{"suffix": f"x{number}"}]} for number in range(150)]}, {"key": ["y"] * 200}),
        ({"key": [{"anything-but": {"prefix": ["z"] * 149 + ["y"]}}] * 150}, {"key": ["y"] * 5}),
        ({"key": ["x"] * 150}, {"key": [["y"] * 50] * 4}),
        ({"a.b.c": ["x"] * 50}, {"a": [{"b": {"c": "y"}, "b.c": "y"}] * 399}),
    ],
)
def test_arrays_that_would_keep_a_transaction_open_for_long_are_refused(
    policy: Any, message: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.notify.filtering.MAX_EFFORT", 20_000)
    with pytest.raises(RequestError, match="too many elements for the filter policies"):
        body(policy, message)


def test_what_a_message_may_take_is_for_all_policies_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.notify.filtering.MAX_EFFORT", 25)
    held = Message(json.dumps({"key": list(range(10))}), {})
    policies = [filter_policy(json.dumps({"key": [f"x{number}"]}), Scope.BODY) for number in range(3)]
    assert [held.wanted(one) for one in policies[:2]] == [False, False]
    with pytest.raises(RequestError, match="too many elements"):
        held.wanted(policies[2])


def test_long_arrays_are_taken_where_policies_are_short() -> None:
    numbers = list(range(20_000))
    assert not body({"key": [{"numeric": ["<", 0]}], "more": ["x"]}, {"key": numbers, "more": "x"})
    assert body({"key": [{"numeric": [">", 19_998]}]}, {"key": numbers})
