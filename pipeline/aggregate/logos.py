"""Studio logos: a mark in the middle of a plain ground, still or softly animated, set apart by black before or behind the programme."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

import numpy as np

from pipeline.aggregate.credits import says_credits
from pipeline.aggregate.cue_evidence import Cue, CueEvidence
from pipeline.aggregate.shots import runs
from pipeline.detect.layout import CENTRED, CHANGE, PLAIN

HEAD_SHARE = 1 / 3
LEAST_S, MOST_S = 1.5, 20.0
MOST_LINES = 2
PLAIN_GROUND, MARK, CENTRED_SHARE = 0.5, 0.005, 0.8
"""Of the picture: the plain ground, the mark on it, and of the mark: what lies in the middle."""
CALM_CHANGE = 4.0
"""Levels of 255 from frame to frame, in the median: a soft animation; a panned picture changes more."""
SUREST = 95.0


def studio_logos(evidence: CueEvidence, others: Sequence[Cue]) -> list[Cue]:
    """The studio logos that open the programme, one behind the other, and those that close it behind the end credits."""
    parts = _parts(evidence, others)
    ending = [cue.end for cue in others if cue.kind == "EndCredits"]
    heads = takewhile(lambda part: evidence.seconds[part[1]] <= HEAD_SHARE * evidence.length_s, parts)
    tails = [part for part in parts if ending and part[0] > ending[0]]
    found = []
    for start, end in heads:
        logo = list(_logo(evidence, start, end)) if end + 1 < evidence.frames and evidence.dark[end + 1] else []
        if not logo:
            break
        found += logo
    return found + [cue for part in tails for cue in _logo(evidence, *part)]


def _parts(evidence: CueEvidence, others: Sequence[Cue]) -> Sequence[tuple[int, int]]:
    """First and last frames of what lies between black and other cues."""
    taken = evidence.dark.copy()
    for cue in others:
        taken[cue.start : cue.end + 1] = True
    return runs(~taken)


def _logo(evidence: CueEvidence, start: int, end: int) -> Iterator[Cue]:
    if not LEAST_S <= evidence.lasts(start, end) <= MOST_S:
        return
    texts = [sample for sample in evidence.texts if start <= sample.frame <= end]
    if any(sample.lines > MOST_LINES or sample.is_slate or says_credits(sample.credits) for sample in texts):
        return
    # The first and last quarter may be fades.
    quarter = (end + 1 - start) // 4
    middle = evidence.layout[start + quarter : end + 1 - quarter]
    plain, centred, change = (float(np.median(middle[:, column])) for column in (PLAIN, CENTRED, CHANGE))
    if PLAIN_GROUND <= plain <= 1 - MARK and centred >= CENTRED_SHARE and change <= CALM_CHANGE:
        evidences = plain, (centred - CENTRED_SHARE) / (1 - CENTRED_SHARE), 1 - change / CALM_CHANGE
        yield Cue("StudioLogo", start, end, min(SUREST, 50 + 50 * sum(evidences) / len(evidences)))
