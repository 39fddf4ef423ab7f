"""What precedes a programme: colour bars, slates, countdowns."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pipeline.aggregate.cue_evidence import Cue, CueEvidence
from pipeline.aggregate.cue_text import TextSample
from pipeline.aggregate.shots import runs
from pipeline.detect.layout import BARS

BARS_SCORE = 0.8
"""Of the 21 channels of the bars, 17 are as they should be: one bar may be wholly wrong, as under an overlay."""
BARS_S, BARS_GAP_S = 0.5, 0.5
SLATE_S = 1.0
SLATE_CONFIDENCE, PER_WORD, MOST_CONFIDENCE = 55.0, 10.0, 95.0
"""A slate's confidence grows with the number of its labels that can be read."""
COUNT_GAP = 2
"""Samples in a row whose number may be overlooked."""
COUNT_NUMBERS, COUNT_AGREEING, COUNT_SPREAD_S = 3, 0.5, 1.1
"""A countdown's number plus the seconds gone by stays the same, within the second that each number stands, for most samples read."""

REACH_S = 1.0
"""Where no text was looked for, what is seen in a sample is followed this far at most."""


def color_bars(evidence: CueEvidence) -> list[Cue]:
    """Stretches of colour bars, anywhere; a short disturbance does not end them."""
    score = evidence.column(BARS)
    found: list[tuple[int, int]] = []
    for start, end in runs(score >= BARS_SCORE):
        if found and evidence.lasts(found[-1][1] + 1, start - 1) <= BARS_GAP_S:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [
        Cue("ColorBars", a, b, 100 * float(score[a : b + 1].mean())) for a, b in found if evidence.lasts(a, b) >= BARS_S
    ]


def slates(evidence: CueEvidence, bars: Sequence[Cue]) -> list[Cue]:
    """Slates and countdowns that begin in the first half of the video."""
    edges = evidence.edges(bars)
    inside = {sample.frame for sample in evidence.texts for cue in bars if cue.start <= sample.frame <= cue.end}
    texts = [sample for sample in evidence.texts if sample.frame not in inside]
    found = [*_written(evidence, texts, edges), *_counted(evidence, texts, edges)]
    return sorted((cue for cue in found if evidence.seconds[cue.start] <= evidence.length_s / 2), key=_start)


def _start(cue: Cue) -> int:
    return cue.start


def _written(evidence: CueEvidence, texts: Sequence[TextSample], edges: set[int]) -> Iterator[Cue]:
    flags = np.array([sample.is_slate for sample in texts], bool)
    for first, last in runs(flags):
        group = texts[first : last + 1]
        start, end = limits(evidence, group, edges)
        if evidence.lasts(start, end) >= SLATE_S:
            words = frozenset[str]().union(*(sample.slate | sample.more_slate for sample in group))
            yield Cue("Slate", start, end, min(MOST_CONFIDENCE, SLATE_CONFIDENCE + PER_WORD * (len(words) - 1)))


def _counted(evidence: CueEvidence, texts: Sequence[TextSample], edges: set[int]) -> Iterator[Cue]:
    counting = [place for place, sample in enumerate(texts) if sample.counts]
    cuts = [k + 1 for k, (a, b) in enumerate(pairwise(counting)) if b - a > COUNT_GAP + 1]
    for begin, stop in pairwise([0, *cuts, len(counting)]):
        group = [texts[place] for place in counting[begin:stop]]
        agreement = counts_down(evidence, group)
        if agreement > 0:
            yield Cue("Slate", *limits(evidence, group, edges), 100 * agreement)


def counts_down(evidence: CueEvidence, group: Sequence[TextSample]) -> float:
    """Ratio of the numbers read that belong to one countdown by seconds; 0 where there is none."""
    read = [sample for sample in group if sample.number >= 0]
    zeros = [sample.number + float(evidence.seconds[sample.frame]) for sample in read]
    best: set[int] = set()
    for zero in zeros:
        agreeing = {k for k, other in enumerate(zeros) if 0 <= other - zero <= COUNT_SPREAD_S}
        best = max(best, agreeing, key=len)
    distinct = {read[k].number for k in best}
    agreement = len(best) / len(read) if read else 0.0
    return agreement if len(distinct) >= COUNT_NUMBERS and agreement >= COUNT_AGREEING else 0.0


def limits(evidence: CueEvidence, group: Sequence[TextSample], edges: set[int]) -> tuple[int, int]:
    """First and last frame of what the samples of a group show, and those before and behind it do not."""
    frames = [sample.frame for sample in evidence.texts]
    first, last = frames.index(group[0].frame), frames.index(group[-1].frame)
    before = max(frames[first - 1] if first else -1, evidence.frame_at(evidence.seconds[frames[first]] - REACH_S) - 1)
    reach = evidence.frame_at(evidence.seconds[frames[last]] + REACH_S) + 1
    after = min(frames[last + 1] if last + 1 < len(frames) else evidence.frames, reach)
    return evidence.came(before, frames[first], edges), evidence.went(frames[last], after, edges)
