"""Opening and end credits, from the text that was read near the ends of the video."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.aggregate.cue_evidence import Cue, CueEvidence
from pipeline.aggregate.cue_text import SURE_CREDIT_WORDS, TextSample
from pipeline.aggregate.leaders import limits
from pipeline.detect.layout import PLAIN

PLAIN_GROUND, MANY_LINES = 0.6, 6
"""Two lines are a card of credits on a ground that fills most of the picture; this many lines are one on any."""
CARD_LINES = 2
END_GAP_S, OPENING_GAP_S = 2.5, 6.0
"""How long a pause between two cards may be, at the end and, over pictures, at the beginning."""
END_S, OPENING_S = 2.0, 1.0
OPENING_SAMPLES = 2
"""So many samples say something that credits say; a single one may be misread."""
REST_S, REST_SHARE = 5.0, 0.1
"""What may follow end credits that say nothing which only credits say: seconds, or a part of the video, that are not black."""
FULL_LINES, FULL_WORDS = 8.0, 3.0
OPENING_SHARE, OPENED_SHARE, END_SHARE = 1 / 3, 2 / 3, 0.5
"""Opening credits begin in the first third of the programme and end in the second,
end credits begin in the second half; watermarks do not."""
TITLE_S = 1.0
"""Names behind the last title that speaks of work belong to it when they follow this closely."""


def end_credits(evidence: CueEvidence, others: Sequence[Cue]) -> list[Cue]:
    """The end credits: at most one stretch, the longest that qualifies."""
    plain = evidence.column(PLAIN)
    cards = [s for s in _free(evidence, others) if is_card(s, float(plain[s.frame]))]
    edges = evidence.edges(others)
    found = []
    for group in _groups(evidence, cards, END_GAP_S, others):
        start, end = limits(evidence, group, edges)
        late = evidence.seconds[start] >= END_SHARE * evidence.length_s
        if late and evidence.lasts(start, end) >= END_S and _closes(evidence, group, end):
            found.append(Cue("EndCredits", start, end, _end_confidence(evidence, group, end)))
    return sorted(found, key=lambda cue: cue.end - cue.start)[-1:]


def is_card(sample: TextSample, plain: float) -> bool:
    """Whether a frame may be one of end credits: several lines on a plain ground or with their words, or many lines."""
    several = sample.lines >= CARD_LINES and (plain >= PLAIN_GROUND or bool(sample.credits))
    return several or sample.lines >= MANY_LINES


def says_credits(words: frozenset[str]) -> bool:
    """Whether words that were read are those of credits: one that hardly stands elsewhere, or two that may."""
    return len(words) >= 2 or bool(words & SURE_CREDIT_WORDS)


def _closes(evidence: CueEvidence, group: Sequence[TextSample], end: int) -> bool:
    """Whether a group speaks of people and their work, or hardly anything but black follows it."""
    if says_credits(_words(group)):
        return True
    return _rest(evidence, end) <= max(REST_S, REST_SHARE * evidence.length_s)


def _rest(evidence: CueEvidence, end: int) -> float:
    """Seconds behind frame `end` that are not black."""
    lengths = np.diff(evidence.seconds)[end + 1 :]
    return float(lengths[~evidence.dark[end + 1 :]].sum())


def _end_confidence(evidence: CueEvidence, group: Sequence[TextSample], end: int) -> float:
    """50 to 100 by four kinds of evidence: words, lines, ground, and how little follows."""
    words = min(1.0, len(_words(group)) / FULL_WORDS)
    lines = min(1.0, float(np.mean([sample.lines for sample in group])) / FULL_LINES)
    ground = float(np.mean([evidence.column(PLAIN)[sample.frame] for sample in group]))
    closing = 1 - min(1.0, _rest(evidence, end) / max(REST_S, REST_SHARE * evidence.length_s))
    return 50 + 50 * (words + lines + ground + closing) / 4


def opening_credits(evidence: CueEvidence, others: Sequence[Cue]) -> list[Cue]:
    """The opening credits: cards and titles, one soon after the other, some of which speak of people and their work."""
    titles = [sample for sample in _free(evidence, others) if sample.lines]
    lead, edges = _lead(evidence, others), evidence.edges(others)
    found = []
    for texts in _groups(evidence, titles, OPENING_GAP_S, others):
        speaking = [sample for sample in texts if sample.credits]
        if not speaking:
            continue
        group = _until_named(evidence, texts, speaking[-1], others)
        start, end = limits(evidence, group, edges)
        begin, stop = ((evidence.seconds[[start, end]] - lead) / (evidence.length_s - lead)).tolist()
        opens = begin <= OPENING_SHARE and stop <= OPENED_SHARE and evidence.lasts(start, end) >= OPENING_S
        if opens and len(speaking) >= OPENING_SAMPLES and says_credits(_words(group)):
            words = min(1.0, len(_words(group)) / FULL_WORDS)
            speaks = len(speaking) / len(group)
            found.append(Cue("OpeningCredits", start, end, 50 + 50 * (words + speaks) / 2))
    return found


def _lead(evidence: CueEvidence, others: Sequence[Cue]) -> float:
    """Seconds of bars, slates and logos before the programme."""
    ends = [float(evidence.seconds[cue.end + 1]) for cue in others if cue.kind != "EndCredits"]
    return max((end for end in ends if end <= evidence.length_s / 2), default=0.0)


def _until_named(
    evidence: CueEvidence, group: Sequence[TextSample], last: TextSample, others: Sequence[Cue]
) -> Sequence[TextSample]:
    """A group up to the sample `last` of it and the text that stays on directly behind."""
    behind = next(_groups(evidence, [s for s in group if s.frame >= last.frame], TITLE_S, others))
    return [sample for sample in group if sample.frame <= behind[-1].frame]


def _free(evidence: CueEvidence, others: Sequence[Cue]) -> list[TextSample]:
    """The samples that belong to no other cue."""
    return [s for s in evidence.texts if not any(cue.start <= s.frame <= cue.end for cue in others)]


def _words(group: Sequence[TextSample]) -> frozenset[str]:
    return frozenset[str]().union(*(sample.credits for sample in group))


def _groups(
    evidence: CueEvidence, samples: Sequence[TextSample], gap_s: float, others: Sequence[Cue]
) -> Iterator[list[TextSample]]:
    """Samples cut where the pause between two is longer than `gap_s`, or another cue lies between."""
    group: list[TextSample] = []
    for sample in samples:
        if group and not _follows(evidence, group[-1].frame, sample.frame, gap_s, others):
            yield group
            group = []
        group.append(sample)
    if group:
        yield group


def _follows(evidence: CueEvidence, before: int, after: int, gap_s: float, others: Sequence[Cue]) -> bool:
    apart = any(before < cue.start < after for cue in others)
    return not apart and float(evidence.seconds[after] - evidence.seconds[before]) <= gap_s
