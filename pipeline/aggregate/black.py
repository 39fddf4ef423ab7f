"""Black stretches from the per-frame values of `detect.luma` and the loudness of `detect.sound`.

Amazon's black frames are silent. Black with sound, such as a fade-out under music, is content; it is reported all the same, but with less
confidence, so that a request for confidence 75 gets silent black only.

Source: Rekognition developer guide, "Detecting video segments in stored video", Black frames.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.aggregate.cue_evidence import Cue
from pipeline.aggregate.shots import runs
from pipeline.detect.luma import DEFAULT_MAX_PIXEL_THRESHOLD, DEFAULT_MIN_COVERAGE
from pipeline.media.types import F32

LIT_SHARE, CONTRAST = 0.0005, 0.015
"""What a black frame may show when the request leaves the choice to us: lit pixels, and spread of block means over the luma range."""
LEAST_FRAMES = 2
SILENT_DBFS = -50.0
"""Source: AWS Elemental MediaLive API reference, AudioSilenceFailoverSettings: "audio quieter than -50 dBFS"."""
SILENT_SHARE = 0.5
"""Of a black stretch: the frames that must be silent. Its limits are the picture's: codecs smear the sound by a frame or two beyond a
cut, and reverberation dies away after it."""


@dataclass(frozen=True, slots=True)
class BlackRule:
    """Which frames count as black.

    Where the request has a BlackFrame filter, the documented formula alone decides: the share of dark pixels. Without one, a dim
    picture and bright text on black are no black frames either, though the formula's defaults would take them.

    Attributes:
        threshold: MaxPixelThreshold, 0 to 1.
        coverage: MinCoveragePercentage / 100.
        formula_only: True where the request has a BlackFrame filter.

    Source: Rekognition API reference, BlackFrame.
    """

    threshold: float = DEFAULT_MAX_PIXEL_THRESHOLD
    coverage: float = DEFAULT_MIN_COVERAGE
    formula_only: bool = False

    def black(self, values: F32) -> NDArray[np.bool_]:
        """Whether each frame is black; `values` (N, 3) as `detect.luma.BlackLuma` measures them."""
        black: NDArray[np.bool_] = values[:, 0] >= np.float32(self.coverage)
        if not self.formula_only:
            black = black & (values[:, 1] <= LIT_SHARE) & (values[:, 2] <= CONTRAST)
        return black


def dark_frames(black: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) the flags `black` without single frames: one dark frame is a flash of black, and no stretch."""
    kept = np.zeros(len(black), bool)
    for start, end in runs(black):
        kept[start : end + 1] = end - start + 1 >= LEAST_FRAMES
    return kept


def black_cues(values: F32, levels: F32, rule: BlackRule) -> list[Cue]:
    """The black stretches of a video in time order, silent or not; confidence is the mean of dark pixels and silent frames in percent.

    Args:
        values: (N, 3) as `detect.luma.BlackLuma` measures them.
        levels: (N,) dBFS.
        rule: Which frames are black.
    """
    found = []
    for start, end in runs(dark_frames(rule.black(values))):
        confidence = 50 * (float(values[start : end + 1, 0].mean()) + _silent_share(levels, start, end))
        found.append(Cue("BlackFrames", start, end, max(50.0, confidence)))
    return found


def is_silent(cue: Cue, levels: F32) -> bool:
    """Whether the frames of the cue are silent; `levels` (N,) dBFS."""
    return _silent_share(levels, cue.start, cue.end) >= SILENT_SHARE


def _silent_share(levels: F32, start: int, end: int) -> float:
    return float((levels[start : end + 1] < SILENT_DBFS).mean())
