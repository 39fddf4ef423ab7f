"""Which labels a request wants: Settings.GeneralLabels.

A label is kept if its name or one of its categories is included; exclusion filters then take away. They decide label by label: including
"Car" does not bring its parents as labels of their own, excluding "Vehicle" does not take "Car" away. Names are whole names, in upper or
lower case; aliases do not count.

The categories are Amazon's, all of them, so an unknown one is a slip and refused. Amazon has more labels than any model here can see, so
unknown labels are let be, unless nothing could ever be answered because of them.

Source: Amazon Rekognition API reference, GeneralLabelsSettings and DetectLabels: "The exact label names or label categories must be
supplied".
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pipeline.errors import RequestError
from pipeline.labels.vocabulary import CATEGORIES, Label, vocabulary

NEAR, ALIKE = 3, 0.75
"""Names that a message repeats or proposes, at most; how much alike those must be written that it proposes, 0 to 1."""


@dataclass(frozen=True, slots=True)
class LabelFilter:
    """The filters of a request, all names in lower case; an empty inclusion admits everything.

    Attributes:
        names: Labels to include.
        categories: Label categories to include.
        without_names: Labels to leave out.
        without_categories: Label categories to leave out.
    """

    names: Collection[str] = frozenset()
    categories: Collection[str] = frozenset()
    without_names: Collection[str] = frozenset()
    without_categories: Collection[str] = frozenset()

    def keeps(self, label: Label) -> bool:
        """Whether the label is to be reported."""
        name, categories = label.name.lower(), {category.lower() for category in label.categories}
        if name in self.without_names or categories.intersection(self.without_categories):
            return False
        if not self.names and not self.categories:
            return True
        return name in self.names or bool(categories.intersection(self.categories))


EVERYTHING = LabelFilter()


def label_filter(request: Mapping[str, Any]) -> LabelFilter:
    """The filters of a request's Settings."""
    general = _general(request)
    return LabelFilter(
        names=_lowered(general.get("LabelInclusionFilters", ())),
        categories=_lowered(general.get("LabelCategoryInclusionFilters", ())),
        without_names=_lowered(general.get("LabelExclusionFilters", ())),
        without_categories=_lowered(general.get("LabelCategoryExclusionFilters", ())),
    )


def check_filters(request: Mapping[str, Any]) -> None:
    """Holds the filters of a request against the names that there are.

    Raises:
        RequestError: InvalidParameterException: a category does not exist, or no label that is to be included does.
    """
    general = _general(request)
    for member in ("LabelCategoryInclusionFilters", "LabelCategoryExclusionFilters"):
        for name in _unknown(general.get(member, ()), _categories()):
            raise _refusal(member, f"{name!r} is no label category", _near(name, _categories()))
    names = general.get("LabelInclusionFilters", ())
    unknown = _unknown(names, _labels())
    if names and len(unknown) == len(names) and not general.get("LabelCategoryInclusionFilters"):
        shown = unknown[:NEAR]
        said = f"no label that can be answered is called {' or '.join(map(repr, shown))}"
        proposed = [near for name in shown for near in _near(name, _labels())]
        raise _refusal("LabelInclusionFilters", said, [*dict.fromkeys(proposed)][:NEAR])


def _general(request: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    general: Mapping[str, Sequence[str]] = (request.get("Settings") or {}).get("GeneralLabels") or {}
    return general


def _lowered(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _unknown(names: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """The names that nothing is called by; aliases are no names."""
    return [name for name in names if known.get(name.lower(), "?").lower() != name.lower()]


@cache
def _categories() -> Mapping[str, str]:
    """Lower-case name -> category."""
    return {name.lower(): name for name in sorted(CATEGORIES)}


@cache
def _labels() -> Mapping[str, str]:
    """Lower-case name or alias -> name of the label."""
    labels = vocabulary().labels.values()
    aliases = {alias.lower(): label.name for label in labels for alias in label.aliases}
    return aliases | {label.name.lower(): label.name for label in labels}


def _near(name: str, known: Mapping[str, str]) -> list[str]:
    """Names of what is written most like this one or has words that begin with all of its words, be it as an alias."""
    written, words = name.lower(), name.lower().split()
    longer = sorted((key for key in known if words and _begun(words, key)), key=len)
    near = [known[key] for key in (*get_close_matches(written, known, NEAR, ALIKE), *longer)]
    return [*dict.fromkeys(near)][:NEAR]


def _begun(words: Sequence[str], key: str) -> bool:
    return all(any(other.startswith(word) for other in key.split()) for word in words)


def _refusal(member: str, said: str, near: Sequence[str]) -> RequestError:
    proposal = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
    return RequestError(
        "InvalidParameterException",
        f"Request has invalid parameters: Settings.GeneralLabels.{member}: {said}{proposal}",
    )
