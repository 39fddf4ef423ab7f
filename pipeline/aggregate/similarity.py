"""Similarity, 0 to 100, of two faces from the cosine of their embeddings, and back.

The scale is a logistic curve through two points. The cosines of strangers are near normal: over 1222 pairs from group photographs (the
largest of 29 men of one age and time) their mean is .104 and their standard deviation .105. 80 stands where the normal law lets one pair
of strangers in about 3000 pass, 99 where it lets one in about 300,000 pass. Lookalikes are commoner than the law has it: of those pairs
two pass 80 (and none 95), siblings come near it, and the rate at 99 is beyond what so few pairs can confirm.

Source: Platt, "Probabilistic outputs for support vector machines", 1999, for the form of the curve; Rekognition's guide for what the
figures are used for (80: the default, 99: where a wrong match has consequences).
"""

from math import exp, log

from pipeline.aggregate.boxes import percent

DEFAULT = 80.0
COSINE_80, COSINE_99 = 0.46, 0.58
SHOWN = 0.00005
"""Half of the last digit that a similarity is shown with."""


def _logit(share: float) -> float:
    return log(share / (1 - share))


SLOPE = (_logit(0.99) - _logit(0.80)) / (COSINE_99 - COSINE_80)
MIDDLE = COSINE_80 - _logit(0.80) / SLOPE


def similarity(cosine: float) -> float:
    """0 to 100 from a cosine, -1 to 1; rises with it."""
    return percent(1 / (1 + exp(-SLOPE * (min(max(cosine, -1.0), 1.0) - MIDDLE))))


def least_cosine(least: float) -> float:
    """The least cosine whose similarity, as it is shown, reaches `least`, 0 to 100."""
    share = (least - SHOWN) / 100
    return max(-1.0, MIDDLE + _logit(share) / SLOPE) if share > 0 else -1.0
