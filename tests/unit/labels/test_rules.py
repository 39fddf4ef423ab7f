"""rules.tsv: every line means something."""

from collections import Counter

import pytest

from pipeline.labels.rules import Rule, follows, lineage, rules
from pipeline.labels.vocabulary import vocabulary

WORDS = vocabulary().labels


def test_rules_name_known_labels_and_say_likely_things() -> None:
    for rule in rules():
        assert {rule.label, *rule.evidence} <= WORDS.keys(), rule
        assert rule.kind in {"seen", "touch", "with", "count"}
        assert len(rule.evidence) == (2 if rule.kind in {"touch", "with"} else 1)
        assert 0.5 <= rule.chance <= 1 or (rule.kind == "seen" and rule.chance < 0.4), rule
        assert (rule.least > 1) == (rule.kind == "count")


def test_no_rule_is_said_twice_and_none_says_what_ancestry_says() -> None:
    assert [rule for rule, count in Counter((r.label, r.kind, r.evidence) for r in rules()).items() if count > 1] == []
    assert [r for r in rules() if any(r.label in lineage(evidence) for evidence in r.evidence)] == []


def test_boxes_are_asked_only_of_what_has_boxes() -> None:
    boxed = {ancestor for name in vocabulary().coco for ancestor in lineage(name)}
    assert {e for r in rules() if r.kind in {"touch", "count"} for e in r.evidence} <= boxed


def test_a_rule_for_something_nearer_wins() -> None:
    assert follows("Castle")["Outdoors"] == 0.9
    assert follows("Library")["Outdoors"] == 0.05
    assert follows("Golden Retriever") == {}
    assert "Indoors" not in follows("Park Bench")
    assert follows("Taxi")["Road"] == 0.9
    assert follows("Convertible")["Road"] == 0.75


def test_exceptions_take_something_away() -> None:
    exceptions: list[Rule] = [rule for rule in rules() if rule.chance < 0.4]
    assert exceptions
    for rule in exceptions:
        seen = {r.evidence[0]: r.chance for r in rules() if r.kind == "seen" and r.label == rule.label}
        assert any(seen.get(ancestor, 0.0) > rule.chance for ancestor in WORDS[rule.evidence[0]].parents), rule


@pytest.mark.parametrize("label", ["Outdoors", "Indoors", "Urban", "Road", "Water", "Cycling", "Crowd", "Street"])
def test_the_commonest_places_and_activities_have_rules(label: str) -> None:
    assert any(rule.label == label for rule in rules())
