"""The technical cues of a video: leaders, credits, logos and, between them, the content.

There is no trained model behind them: each is what measurable evidence says, and its confidence how much of that evidence there is.
Where several would claim a frame, bars come before slates, these before end credits, these before logos, and these before opening credits.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.aggregate.credits import end_credits, opening_credits
from pipeline.aggregate.cue_evidence import Cue, CueEvidence
from pipeline.aggregate.leaders import color_bars, slates
from pipeline.aggregate.logos import studio_logos
from pipeline.aggregate.shots import runs

CONTENT_S = 0.5
"""What is left between two cues and shows less than this, as the fade of a logo, is no content."""


def technical_cues(evidence: CueEvidence, black: Sequence[Cue]) -> list[Cue]:
    """All cues in time order.

    Args:
        evidence: The video.
        black: The black frames that are to be reported.
    """
    found = color_bars(evidence)
    found += slates(evidence, found)
    found += end_credits(evidence, found)
    found += studio_logos(evidence, found)
    found += opening_credits(evidence, found)
    found += black
    return sorted([*found, *content(evidence, found)], key=lambda cue: (cue.start, cue.end))


def content(evidence: CueEvidence, others: Sequence[Cue]) -> list[Cue]:
    """What no other cue claims; as sure as the less sure of the two cues beside it, wholly at the ends of the video."""
    free = np.ones(evidence.frames, bool)
    beside: dict[int, float] = {}
    for cue in others:
        free[cue.start : cue.end + 1] = False
        for edge in (cue.start, cue.end + 1):
            beside[edge] = min(cue.confidence, beside.get(edge, 100.0))
    lengths = np.diff(evidence.seconds) * ~evidence.dark
    return [
        Cue("Content", start, end, min(beside.get(start, 100.0), beside.get(end + 1, 100.0)))
        for start, end in runs(free)
        if lengths[start : end + 1].sum() >= min(CONTENT_S, evidence.length_s / 4)
    ]
