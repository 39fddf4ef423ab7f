"""The dearest classifier is left out only where nothing that it could say would be reported."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.aggregate.moderation import ModerationStages, ModerationTimeline
from pipeline.aggregate.types import Record
from pipeline.analyses.moderation import SLACK, may_count
from pipeline.detect.explicit import NSFW
from pipeline.detect.types import Detections, Tags, Values
from pipeline.media.types import Timestamp

STAGES = ModerationStages("objects", ("tags", "second"), "explicit", "parts")
REVOLVER, BIKINI, COLLIE, WINE_GLASS = 763, 445, 231, 40
shares = st.floats(0, 1, width=32)
confidences = st.floats(0, 100)


def tagged(number: int, score: float) -> Tags:
    return Tags(np.array([number]), np.array([score], np.float32))


def objects(number: int, score: float) -> Detections:
    return Detections(np.array([[0.1, 0.1, 0.2, 0.2]], np.float32), np.array([score], np.float32), np.array([number]))


def reported(least: float, found: Detections, tags: list[Tags], explicit: Values) -> list[Record]:
    timeline = ModerationTimeline(STAGES, least)
    sample = {"objects": found, "tags": tags[0], "second": tags[1], "explicit": explicit}
    end = Timestamp(500, Fraction(1, 1000))
    return [*timeline.add(0, Timestamp(0, Fraction(1, 1000)), sample), *timeline.finish(end)]


def asked(least: float, found: Detections, tags: list[Tags], unsafe: float) -> bool:
    return may_count(least / 100 - SLACK, found, tags, unsafe)


@given(
    st.lists(shares, min_size=5, max_size=5), shares, shares, shares, st.sampled_from([REVOLVER, BIKINI]), confidences
)
def test_what_is_left_out_changes_no_record(
    first: list[float], unsafe: float, tag: float, wine: float, number: int, least: float
) -> None:
    classes = np.array(first, np.float32) / max(1e-6, sum(first))
    found, tags = objects(WINE_GLASS, wine), [tagged(number, tag), tagged(number, tag / 2)]
    whole = np.append(classes, unsafe).astype(np.float32)
    spared = np.append(np.zeros(NSFW), unsafe).astype(np.float32)
    if not asked(least, found, tags, float(whole[NSFW])):
        assert reported(least, found, tags, Values(whole)) == reported(least, found, tags, Values(spared)) == []


@pytest.mark.parametrize(
    ("found", "tag", "unsafe", "is_asked"),
    [
        ((0, 0.99), (COLLIE, 0.9), 0.01, False),
        ((0, 0.99), (COLLIE, 0.9), 0.24, False),
        ((0, 0.99), (COLLIE, 0.9), 0.26, True),
        ((0, 0.99), (REVOLVER, 0.9), 0.01, True),
        ((0, 0.99), (REVOLVER, 0.3), 0.01, False),
        ((0, 0.99), (BIKINI, 0.3), 0.01, True),
        ((0, 0.99), (BIKINI, 0.2), 0.01, False),
        ((WINE_GLASS, 0.9), (COLLIE, 0.9), 0.01, True),
    ],
)
def test_it_is_asked_where_somebody_else_sees_something(
    found: tuple[int, float], tag: tuple[int, float], unsafe: float, is_asked: bool
) -> None:
    assert asked(50.0, objects(*found), [tagged(*tag)] * 2, unsafe) == is_asked


def test_who_wants_to_hear_everything_has_everything_asked() -> None:
    assert asked(0.0, objects(0, 0.5), [tagged(COLLIE, 0.9)] * 2, 0.0)
