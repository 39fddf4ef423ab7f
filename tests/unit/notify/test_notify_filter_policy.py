"""Filter policies: what SNS's own documentation and responses say about them.

Sources: Amazon SNS Developer Guide, "Amazon SNS subscription filter policies" and the pages under it; recorded responses
of SNS for the words of refusals.
"""

import json
from typing import Any

import pytest

from pipeline.notify.filter_policy import MAX_BYTES, Scope, filter_hash, filter_policy, is_empty
from pipeline.notify.filtering import Message
from pipeline.notify.refusals import PolicyRefused

INTERESTS = "customer_interests"
EVENT = {"Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]}}


def body(policy: Any, message: Any) -> bool:
    """Whether a policy on the body wants the message."""
    return Message(json.dumps(message), {}).wanted(filter_policy(json.dumps(policy), Scope.BODY))


def attributes(policy: Any, **given: tuple[str, str]) -> bool:
    """Whether a policy on attributes wants a message with these: name -> type, value."""
    shown = {name: {"Type": kind, "Value": value} for name, (kind, value) in given.items()}
    return Message("text", shown).wanted(filter_policy(json.dumps(policy), Scope.ATTRIBUTES))


def both(rules: Any, value: Any) -> bool:
    """What both scopes say to one value of text, a number or an array."""
    kind = {str: "String", list: "String.Array"}.get(type(value), "Number")
    text = value if kind == "String" else json.dumps(value)
    one = attributes({"key": rules}, key=(kind, text))
    assert body({"key": rules}, {"key": value}) is one
    return one


@pytest.mark.parametrize(
    ("rules", "wanted", "unwanted"),
    [
        (["rugby", "tennis"], ["rugby", "tennis", ["rugby", "tennis"]], ["baseball", ["baseball"], "Rugby", []]),
        ([{"anything-but": ["rugby", "tennis"]}], ["baseball", ["rugby", "baseball"], 5], ["rugby", ["rugby"], []]),
        ([{"anything-but": "rugby"}], ["baseball"], ["rugby"]),
        ([{"anything-but": {"prefix": "order-"}}], ["data-entry", 7], ["order-cancelled"]),
        ([{"anything-but": {"prefix": ["order-", "data-"]}}], ["x"], ["order-cancelled", "data-entry"]),
        ([{"anything-but": {"suffix": "ball"}}], ["rugby"], ["baseball"]),
        ([{"anything-but": {"wildcard": "*/lib/*"}}], ["a/b"], ["a/lib/b"]),
        ([{"anything-but": {"equals-ignore-case": "TENNIS"}}], ["rugby"], ["Tennis"]),
        ([{"equals-ignore-case": "tennis"}], ["TENNIS", "Tennis"], ["rugby"]),
        ([{"prefix": "bas"}], ["baseball", "basketball"], ["rugby", 5]),
        ([{"suffix": "ball"}], ["baseball", "basketball"], ["rugby", "ballet"]),
        ([{"wildcard": "*ball*"}], ["baseball", "ballet", "ball"], ["bal"]),
        ([{"wildcard": "ab*ba"}], ["abba", "abxba"], ["aba", "ab"]),
        ([{"wildcard": r"a\*b\\c"}], [r"a*b\c"], ["axb\\c"]),
        ([{"cidr": "10.0.0.0/24"}], ["10.0.0.0", "10.0.0.255"], ["10.1.1.0", "host", 10, "10.0.0.1%eth0"]),
        ([{"cidr": "2001:db8::/32"}], ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
        ([301.5], [301.5, 301.500, 3.015e2, [1, 301.5]], [301, "301.5"]),
        ([{"numeric": ["=", 301.5]}], [301.5, 3.015e2], [300, "301.5"]),
        ([{"numeric": [">", 0, "<=", 150]}], [0.1, 100, 150], [0, -1, 150.1]),
        ([{"numeric": ["<", 10]}], [-(10**9), 9.99999], [10, -(10**9) - 1]),
        ([{"anything-but": [100, 500]}], [101, 100.1, [100, 50], "100"], [100, 500.0]),
        ([111122223333], [111122223333], [111122223334]),
        ([{"exists": True}], ["fans", 5, ["a"]], [[]]),
        ([{"anything-but": "x"}, {"exists": False}], ["y"], ["x"]),
    ],
)
def test_both_scopes_match_values_alike(rules: Any, wanted: list[Any], unwanted: list[Any]) -> None:
    assert [both(rules, value) for value in wanted] == [True] * len(wanted)
    assert [both(rules, value) for value in unwanted] == [False] * len(unwanted)


def test_true_false_and_null_are_values_of_their_own() -> None:
    for rule, value in ((True, True), (False, False), (None, None)):
        assert [body({"key": [rule]}, {"key": one}) for one in (value, 1, 0, "", str(value))] == [True, *[False] * 4]
    assert attributes({"key": [True, None]}, key=("String.Array", "[null]"))
    assert not attributes({"key": [True]}, key=("String", "true"))


def test_a_missing_key_is_only_wanted_where_the_policy_says_so() -> None:
    assert not attributes({"key": ["x"]}, other=("String", "x"))
    assert attributes({"key": [{"exists": False}]}, other=("String", "x"))
    assert not attributes({"key": [{"exists": False}]}), "without any attribute nothing is let through"
    assert not attributes({"key": [{"exists": False}]}, key=("String", "x"))
    assert body({"key": [{"exists": False}]}, {})
    assert body({"key": [{"exists": False}]}, {"key": {"deeper": 1}}), "only values exist, not what is around them"
    assert [body({"key": [{"exists": True}]}, {"key": value}) for value in (None, "", 0)] == [False, False, True]


def test_binary_and_malformed_attributes_have_no_value_to_compare() -> None:
    assert not attributes({"key": [{"anything-but": "x"}]}, key=("Binary", "AAE="))
    assert attributes({"key": [{"anything-but": 5}]}, key=("Number", "five"))
    assert attributes({"key": [{"prefix": "[1"}]}, key=("String.Array", "[1"))
    assert attributes({"key": [5]}, key=("Number.int", "+5.000"))


def test_every_key_of_a_policy_must_match() -> None:
    policy = {INTERESTS: ["rugby"], "price_usd": [{"numeric": [">", 100]}]}
    assert attributes(policy, **{INTERESTS: ("String", "rugby")}, price_usd=("Number", "101"))
    assert not attributes(policy, **{INTERESTS: ("String", "rugby")}, price_usd=("Number", "99"))
    assert not attributes(policy, **{INTERESTS: ("String", "rugby")})


def test_or_makes_alternatives() -> None:
    policy = {
        "source": ["aws.cloudwatch"],
        "$or": [{"metricName": ["CPUUtilization"]}, {"metricType": ["T"], "$or": [{"id": [1]}, {"space": [2]}]}],
    }
    assert body(policy, {"source": "aws.cloudwatch", "metricName": "CPUUtilization"})
    assert body(policy, {"source": "aws.cloudwatch", "metricType": "T", "space": 2})
    assert not body(policy, {"source": "aws.cloudwatch", "metricType": "T"})
    assert not body(policy, {"metricName": "CPUUtilization"})
    # As a name it needs no objects around it.
    assert body({"$or": ["x"]}, {"$or": "x"})


def test_objects_in_arrays_match_one_at_a_time() -> None:
    created, removed = "ObjectCreated:Put", "ObjectRemoved:Delete"

    def record(name: str, key: str) -> dict[str, Any]:
        return {"eventName": name, "s3": {"object": [[{"key": key}]]}}

    assert body(EVENT, {"Records": [record(created, "auto-1"), record(removed, "home-1")]})
    assert not body(EVENT, {"Records": [record(created, "home-1"), record(removed, "auto-1")]})
    assert not body(EVENT, {"Records": []})
    assert body({"r": {"a": [1], "b": [{"exists": False}]}}, {"r": [{"a": 1}, {"b": 2}]})
    assert not body({"r": {"b": [{"exists": False}]}}, {"r": [{"a": 1}, {"b": 2}]})


@pytest.mark.parametrize(
    "message",
    [
        {"object": {"nested": {"test": "v"}}},
        {"object.nested.test": "v"},
        {"object.nested": {"test": "v"}},
        {"object": {"nested.test": "v"}},
        {"object": {"nested": 1}, "object.nested": {"test": "v"}},
    ],
)
def test_dots_in_names_are_steps(message: Any) -> None:
    assert body({"object.nested.test": ["v"]}, message)
    assert body({"object": {"nested.test": ["v"]}}, message)


@pytest.mark.parametrize("text", ["", "text", '"text"', "[1]", "5", "NaN", '{"a":', "[" * 100_000, '{"a":' * 5000])
def test_a_body_that_is_no_json_object_matches_nothing(text: str) -> None:
    policy = filter_policy('{"a": [{"exists": false}]}', Scope.BODY)
    assert not Message(text, {"a": {"Type": "String", "Value": "x"}}).wanted(policy)


def test_enormous_numbers_are_just_numbers() -> None:
    policy = filter_policy('{"a": [{"numeric": [">", 5]}]}', Scope.BODY)
    for number in ("1e999999999", "9" * 100_000, "-1e999999999999999999999", "1e-999999999"):
        assert not Message(f'{{"a": {number}}}', {}).wanted(policy)


def test_completions_of_jobs_can_be_told_apart() -> None:
    policy = {"Status": ["FAILED"], "API": ["StartLabelDetection"]}
    message = {"JobId": "1", "Status": "FAILED", "API": "StartLabelDetection", "Video": {"S3ObjectName": "a.mp4"}}
    assert body(policy, message)
    assert not body(policy, {**message, "Status": "SUCCEEDED"})
    assert body({"Video": {"S3ObjectName": [{"suffix": ".mp4"}]}}, message)


def numeric(*terms: Any) -> Any:
    return {"key": [{"numeric": list(terms)}]}


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"key": [["value"]]}, "Match value must be String, number, true, false, or null"),
        ({"key": [{"wrong-operator": True}]}, "Unrecognized match type wrong-operator"),
        ({"key": [{"suffix": "value", "prefix": "value2"}]}, "Only one key allowed in match expression"),
        ({"key": [{"suffix": 100}]}, "suffix match pattern must be a string"),
        ({"key": [{"suffix": None}]}, "suffix match pattern must be a string"),
        ({"key": [{"suffix": ["test"]}]}, "suffix match pattern must be a string"),
        ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array'),
        ({"key": "value"}, '"key" must be an object or an array'),
        ({"key": []}, "Empty arrays are not allowed"),
        ({"key": {}}, "Empty objects are not allowed"),
        ({"key": [{}]}, "Match expression name not found"),
        (numeric(), "Invalid member in numeric match: ]"),
        (numeric("operator"), "Unrecognized numeric range operator: operator"),
        (numeric(1, "<="), "Invalid member in numeric match: 1"),
        (numeric([], 1), "Invalid member in numeric match: []"),
        (numeric("=", "000"), "Value of equals must be numeric"),
        (numeric("=", True), "Value of equals must be numeric"),
        (numeric(">="), "Value of >= must be numeric"),
        (numeric("<", 100, ">", 10), "Too many elements in numeric expression"),
        (numeric(">=", 1, ">", 2), "Bad numeric range operator: >"),
        (numeric(">", 3, "<", 1), "Bottom must be less than top"),
        (numeric(">", 20, "<="), "Value of <= must be numeric"),
        (numeric(">", 20, 30), "Bad value in numeric range: 30"),
        (numeric(">", 20, "test"), "Bad numeric range operator: test"),
        (numeric(">", 20, "<", "30"), "Value of < must be numeric"),
        (numeric(">", 20, "<", 30, "<", 50), "Too many terms in numeric range expression"),
        (numeric("<", 10**9 + 1), "Value must be between -1000000000 and 1000000000, inclusive"),
        ({"key": [{"numeric": 5}]}, "Value of numeric must be an array."),
        ({"key": [{"exists": "no"}]}, "exists match pattern must be either true or false."),
        ({"key": [{"anything-but": {"exists": False}}]}, "Unsupported anything-but pattern: exists"),
        ({"key": [{"anything-but": {"prefix": False}}]}, "prefix match pattern must be a string"),
        ({"key": [{"anything-but": {"prefix": ""}}]}, "Null prefix not allowed"),
        ({"key": [{"anything-but": [1, "a"]}]}, "mixed type is not supported"),
        ({"key": [{"anything-but": [None]}]}, "start|null|boolean is not supported"),
        ({"key": [{"anything-but": True}]}, "must be an array or single string/number value"),
        ({"key": [{"cidr": "10.0.0.0"}]}, "Malformed CIDR, one '/' required"),
        ({"key": [{"cidr": "10.0.0.0/x"}]}, "Malformed CIDR, mask bits must be an integer"),
        ({"key": [{"cidr": "10.0.0.0/33"}]}, "IPv4 mask bits must be < 33"),
        ({"key": [{"cidr": "host/8"}]}, "Nonstandard IP address: host"),
        ({"key": [{"wildcard": "a**b"}]}, "Consecutive wildcard characters at pos 1"),
        ({"key": [{"wildcard": "a\\b"}]}, "Invalid escape character at pos 1"),
        ({"key": [{"wildcard": "*a*b*c*"}]}, "Rule is too complex - 4 wildcard characters, at most 3"),
        ({f"key{number}": ["x"] for number in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"key": [str(number) for number in range(151)]}, "Filter policy is too complex"),
        ({"a": ["x"] * 100, "b": ["x"] * 2}, "Filter policy is too complex"),
        ({"a": {"b": {"c": ["x"] * 4}}, "d": {"e": ["x"] * 3}, "f": ["x"] * 3}, "Filter policy is too complex"),
        ({"$or": [{"a": ["x"] * 76}, {"b": ["x"] * 75}]}, "Filter policy is too complex"),
        ({".".join("a" * 33): ["x"]}, "Filter policy is too complex"),
    ],
)
def test_what_no_policy_may_say(policy: Any, words: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        filter_policy(json.dumps(policy), Scope.BODY)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "failed to parse JSON"),
        ("[" * 100_000, "failed to parse JSON"),
        ('{"a": [NaN]}', "failed to parse JSON"),
        ("[]", "Filter is not an object"),
        ('{"a": ["x"], "a": ["y"]}', '"a" is given more than once'),
        ('{"a":' * 400 + '["x"]' + "}" * 400, "Filter policy is too complex"),
        ('{"$or":[{"b":["x"]},' * 450 + '{"a":["x"]}' + "]}" * 450, "Filter policy is too complex"),
        (json.dumps({"a": ["x" * MAX_BYTES]}), "larger than 262144 bytes"),
    ],
)
def test_texts_that_are_no_policy(text: str, words: str) -> None:
    with pytest.raises(PolicyRefused) as refused:
        filter_policy(text, Scope.BODY)
    assert words in str(refused.value)


def test_complexity_is_counted_as_sns_counts_it() -> None:
    allowed = {
        "source": ["a", "b", "c"],
        "$or": [{"name": ["x"] * 6}, {"type": ["T"] * 4, "$or": [{"id": [1] * 4}, {"space": [1] * 7}]}],
    }
    assert len(filter_policy(json.dumps(allowed), Scope.ATTRIBUTES).branches) == 3
    with pytest.raises(PolicyRefused):
        filter_policy(json.dumps({**allowed, "source": ["a", "b", "c", "d"]}), Scope.ATTRIBUTES)


def test_attributes_have_no_members() -> None:
    with pytest.raises(PolicyRefused, match="MessageAttributes does not support nested filter policy"):
        filter_policy('{"a": {"b": ["x"]}}', Scope.ATTRIBUTES)


def test_policies_with_one_digest_are_the_same() -> None:
    policy = {"FilterPolicy": '{"a": ["x"]}'}
    assert filter_hash({}) is None
    assert filter_hash(policy) == filter_hash({**policy, "FilterPolicyScope": "MessageAttributes"})
    assert filter_hash(policy) != filter_hash({**policy, "FilterPolicyScope": "MessageBody"})
    assert [is_empty(text) for text in ("", " ", "{}", "{ }", "{", '{"a": []}')] == [True] * 4 + [False] * 2


def test_long_lists_against_long_arrays_do_not_multiply() -> None:
    """With a comparison of each with each this would take minutes."""
    words = [f"word {number}" for number in range(12_000)]
    assert not body({"key": [{"anything-but": words}]}, {"key": words})
    assert body({"key": [{"anything-but": words}]}, {"key": [*words, "another"]})
