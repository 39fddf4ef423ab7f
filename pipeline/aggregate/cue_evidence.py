"""Everything that was measured on a video for its technical cues, and where its pictures change."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.aggregate.cue_text import TextSample
from pipeline.aggregate.shots import runs
from pipeline.detect.layout import CHANGE
from pipeline.media.types import F32

STANDS_OUT, LEAST_CHANGE, LEAST_LIT = 3.0, 1.5, 0.001
"""A change between two frames that marks where text came or went: over the median of those around it, in levels of 255 of the whole
picture, and in lit pixels per pixel, which tell of small text on a dark ground."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Frames `start` to `end`, both inclusive.

    Attributes:
        kind: As the API names it, for example "ColorBars".
        confidence: 0 to 100.
    """

    kind: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class CueEvidence:
    """A whole video.

    Attributes:
        seconds: (N + 1,) float64: when each frame begins, and the last one ends.
        layout: (N, 4) as `detect.layout.FrameLayout` measures it.
        dark: (N,) whether a frame is black, whatever sounds.
        lit: (N,) ratio of bright pixels, as `detect.luma.BlackLuma` counts them.
        texts: Of the frames whose text was read, in order.
    """

    seconds: NDArray[np.float64]
    layout: F32
    dark: NDArray[np.bool_]
    lit: F32
    texts: Sequence[TextSample]

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.layout)

    @property
    def length_s(self) -> float:
        """Seconds from the first frame to the end of the last."""
        return float(self.seconds[-1])

    def column(self, which: int) -> F32:
        """(N,) one of the columns of the layout."""
        values: F32 = self.layout[:, which]
        return values

    def lasts(self, start: int, end: int) -> float:
        """Seconds for which the frames `start` to `end` are shown."""
        return float(self.seconds[end + 1] - self.seconds[start]) if end >= start else 0.0

    def frame_at(self, seconds: float) -> int:
        """The frame that is shown at a time; the first or last one outside the video."""
        return int(np.clip(np.searchsorted(self.seconds, seconds, side="right") - 1, 0, self.frames - 1))

    def edges(self, others: Sequence[Cue] = ()) -> set[int]:
        """Frames at which something begins beyond doubt: the video, black, what follows black, and the same of other cues."""
        black = [place for start, end in runs(self.dark) for place in (start, end + 1)]
        return {0, self.frames, *black, *(place for cue in others for place in (cue.start, cue.end + 1))}

    def came(self, before: int, first: int, edges: set[int]) -> int:
        """First frame of what is seen in frame `first`, but not in the earlier frame `before` (-1: the video begins)."""
        sure = [frame for frame in range(before + 1, first + 1) if frame in edges]
        return sure[-1] if sure else self._changed(before + 1, first)

    def went(self, last: int, after: int, edges: set[int]) -> int:
        """Last frame of what is seen in frame `last`, but not in the later frame `after`."""
        sure = [frame for frame in range(last + 1, after + 1) if frame in edges]
        return (sure[0] if sure else self._changed(last + 1, min(after, self.frames - 1))) - 1

    def _changed(self, first: int, last: int) -> int:
        """The frame that differs most from the one before it, if it stands out; else the last."""
        change = self.column(CHANGE)[first : last + 1]
        lit = np.abs(np.diff(self.lit[max(first - 1, 0) : last + 1], prepend=self.lit[:1] if first == 0 else ()))
        for values, least in ((change, LEAST_CHANGE), (lit, LEAST_LIT)):
            place = int(np.argmax(values)) if len(values) else 0
            if len(values) and values[place] >= max(least, STANDS_OUT * float(np.median(values))):
                return first + place
        return last
