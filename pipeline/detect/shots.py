"""Shot transitions: evidence on every thumbnail settles what is evident, a learned detector judges the doubtful windows."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.detect import shot_cascade as cascade
from pipeline.detect.types import Values
from pipeline.media.types import F32, U8, Frame, Stretch
from pipeline.models.types import Session

MODEL = "shots-autoshot"
WIDTH, HEIGHT = 48, 27
WINDOW, BLOCK, MARGIN = 100, 50, 25
"""Frames the net sees at once, those it is believed for, and those around them; blocks lie on absolute frame numbers."""
CONTEXT = BLOCK + MARGIN
DOUBT_REACH = 2
"""A doubtful boundary this close to a block lets the net see the block."""
LOOK, LOOKS = 24, 2
"""Frames of a short look at one sharp step, and how many of them a block may have: more cost as much as the window."""
SURE = 0.95
"""A short look that gives a cut at least this is believed, else the window is shown. Where short looks at made-up sequences of other
material (cuts, flashes, light, lost frames, bursts) were this sure, the window was above the threshold of a cut as well. Chosen with
AutoShot; TransNetV2, believed at the same, still finds all cuts of docs/models.md and no other."""
LEAST_PROBABILITY = 0.1
CLEAR_PROBABILITY, FADE_PROBABILITY = 0.99, 0.9
Found = tuple[int, Values]


@dataclass(frozen=True, slots=True)
class ShotTransitions:
    """Stretch detector of `Values` (2,) per frame: probability that a shot ends with it, probability that it is inside a transition.

    The learned detector runs on windows of 100 frames on a fixed grid; only windows with doubtful frames are shown to it, and of
    those in which only single steps are doubtful just the frames around the steps, as long as the answer is a sure cut.

    Attributes:
        session: The learned detector; see `models.convert.shots` for its inputs and outputs. One whose file does not say that it
            takes any number of frames is shown whole windows only.
        every_window: Show it every window.
        context: Frames needed before and after a frame.

    Source: Zhu et al., "AutoShot" (CVPR 2023 workshops).
    """

    session: Session
    every_window: bool = False
    context: int = CONTEXT

    def prepare(self, frame: Frame) -> U8:
        """Thumbnail (27, 48, 3) RGB."""
        return frame.rgb(WIDTH, HEIGHT)

    def open(self, stretch: Stretch, frame_count: int) -> "ShotRun":
        """A walk over `stretch`."""
        return ShotRun(self, stretch, frame_count)


@dataclass(slots=True)
class ShotRun:
    """One walk: keeps the thumbnails of the current window only."""

    detector: ShotTransitions
    stretch: Stretch
    frame_count: int
    _thumbnails: list[U8] = field(default_factory=list)
    _first: int = -1
    _block: int = -1

    def add(self, index: int, prepared: U8) -> Iterable[Found]:
        """Values of the blocks that this frame completes."""
        if self._first < 0:
            self._first, self._block = index, self.stretch.start // BLOCK
        self._thumbnails.append(prepared)
        while self._last_needed() <= index:
            yield from self._answers()

    def finish(self) -> Iterable[Found]:
        """Values of the blocks behind the last complete one."""
        while self._thumbnails and self._block * BLOCK < self.stretch.stop:
            yield from self._answers()

    def _last_needed(self) -> float:
        """Last frame that the current block needs; infinite behind the stretch."""
        if self._block * BLOCK >= self.stretch.stop:
            return math.inf
        return min((self._block + 1) * BLOCK + MARGIN, self.frame_count) - 1

    def _answers(self) -> list[Found]:
        """Values of the current block; moves on to the next."""
        start = self._block * BLOCK
        end = self._first + len(self._thumbnails) - 1
        frames = np.clip(np.arange(start - MARGIN, start + BLOCK + MARGIN), self._first, end)
        values = self._judge(np.stack([self._thumbnails[f - self._first] for f in frames]))
        self._block += 1
        self._forget(self._block * BLOCK - MARGIN)
        wanted = range(max(start, self.stretch.start), min(start + BLOCK, self.stretch.stop))
        return [(frame, Values(values[frame - start])) for frame in wanted]

    def _judge(self, window: U8) -> F32:
        """(50, 2) values of the middle of a window (100, 27, 48, 3)."""
        evidence = cascade.evidence(window)
        found = self._learned(window, evidence)
        return combined(window, evidence, found[0], found[1])[MARGIN : MARGIN + BLOCK]

    def _learned(self, window: U8, evidence: cascade.Evidence) -> F32:
        """(2, 100) of what the net says where it was asked, else 0."""
        near = slice(MARGIN - DOUBT_REACH, WINDOW - MARGIN + DOUBT_REACH)
        doubtful = np.flatnonzero(evidence.doubtful[near]) + near.start
        if not self.detector.every_window and not len(doubtful):
            return np.zeros((2, WINDOW), np.float32)
        if not self.detector.every_window and len(doubtful) <= LOOKS and evidence.sharp[doubtful].all():
            found = self._short_looks(window, doubtful)
            if found is not None:
                return found
        whole: F32 = learned(self.detector.session, window[None])[:, 0]
        return whole

    def _short_looks(self, window: U8, steps: NDArray[np.intp]) -> F32 | None:
        """What the net says around each step when it sees little more; None where that is no sure cut, or cannot be asked."""
        if self.detector.session.metadata.get("window") != "any":
            return None
        found = np.zeros((2, WINDOW), np.float32)
        starts = steps + 1 - LOOK // 2
        answers = learned(self.detector.session, around(window, starts))[..., LOOK // 4 : -LOOK // 4]
        for start, answer in zip(starts + LOOK // 4, answers.swapaxes(0, 1), strict=True):
            there = found[:, start : start + LOOK // 2]
            np.maximum(there, answer, out=there)
        return found if bool((found[0, steps] >= SURE).all()) else None

    def _forget(self, frame: int) -> None:
        """Drops thumbnails before `frame`."""
        count = max(0, min(frame - self._first, len(self._thumbnails) - 1))
        del self._thumbnails[:count]
        self._first += count


def around(window: U8, starts: NDArray[np.intp]) -> U8:
    """(len(starts), LOOK, 27, 48, 3) stretches of a window."""
    return np.stack([window[start : start + LOOK] for start in starts])


def learned(session: Session, windows: U8) -> F32:
    """(2, B, T) of windows (B, T, 27, 48, 3): probabilities that a shot ends with the frame, and that it is inside a transition."""
    histograms = np.stack([color_histograms(window) for window in windows])
    found: F32 = np.stack(session.run({"frames": windows, "histograms": histograms}))
    return found


def color_histograms(thumbnails: U8) -> F32:
    """(N, 512) histograms of 8×8×8 colours, each of length 1."""
    bins = (thumbnails >> 5).astype(np.int64) @ np.array((64, 8, 1))
    bins = bins.reshape(len(bins), -1) + np.arange(len(bins))[:, None] * 512
    counts = np.bincount(bins.ravel(), minlength=512 * len(bins)).reshape(-1, 512).astype(np.float32)
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    return counts


def combined(window: U8, evidence: cascade.Evidence, cuts: F32, inside: F32) -> F32:
    """(100, 2) values from the evidence and the net's answers.

    What the net calls a transition is dropped where black explains it, and where the picture before it returns.
    """
    cuts, inside = np.where(evidence.ramps, 0, cuts), np.where(evidence.ramps | evidence.black, 0, inside)
    likely = np.flatnonzero(cuts >= LEAST_PROBABILITY)
    if len(likely):
        small = cascade.pooled(window)
        cuts[[t for t in likely if cascade.returns(small, int(t))]] = 0
    cuts[evidence.clear], cuts[evidence.fade_cuts] = CLEAR_PROBABILITY, FADE_PROBABILITY
    inside[evidence.fades] = FADE_PROBABILITY
    inside[evidence.clear | np.append(False, evidence.clear[:-1])] = 0
    return np.stack((cuts, inside), axis=1).astype(np.float32)
