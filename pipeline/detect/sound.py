"""How loud it is while each frame is shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.detect.types import Values
from pipeline.media.audio import Samples, heard
from pipeline.media.limits import DecodeLimits
from pipeline.media.types import F32, I64, FrameIndex, MediaInfo, Stretch

F64 = NDArray[np.float64]
FLOOR_DBFS = -120.0
_ROUNDING = 1e-6
"""Samples: what may be lost when times become floating-point numbers."""


@dataclass(frozen=True, slots=True)
class SoundLevels:
    """Listener of `Values` (2,) per frame: level and peak in dBFS, -120 where nothing sounds, of the loudest audio stream.

    The level is the root mean square over the time a frame is shown, powers summed over the channels; 0 is a full-scale square wave in
    one channel. Absent and undecodable sound is silence.

    Source: ITU-R BS.1770-5, section 2.1, for the sum over channels; without its filter and weights.
    """

    def listen(
        self,
        path: str | Path,
        media: MediaInfo,
        index: FrameIndex,
        stretch: Stretch,
        limits: DecodeLimits,
        beat: Callable[[], None],
    ) -> Iterator[tuple[int, Values]]:
        """Levels of the frames of the stretch.

        Raises:
            MediaError: the file cannot be read.
        """
        meter = Meter(frame_edges(media, index, stretch))
        if media.audio and stretch.stop > stretch.start:
            begin, end = (Fraction(round(edge * 1_000_000), 1_000_000) for edge in meter.edges[[0, -1]])
            for samples in heard(path, media, index, begin, end + Fraction(1, 1_000_000), limits):
                meter.add(samples)
                beat()
        for frame, values in zip(range(stretch.start, stretch.stop), meter.levels(), strict=True):
            yield frame, Values(values)


def frame_edges(media: MediaInfo, index: FrameIndex, stretch: Stretch) -> F64:
    """(N + 1,) seconds from the first video frame at which the frames of the stretch begin, and the last one ends."""
    pts: I64 = index.pts[stretch.start : stretch.stop + 1] - index.pts[0]
    seconds = (pts * float(index.time_base)).astype(np.float64)
    if stretch.stop < len(index.pts):
        return seconds
    last = float(seconds[-1]) if len(seconds) else 0.0
    return np.append(seconds, max(media.duration_ms / 1000, last))


@dataclass(slots=True)
class Meter:
    """Adds up samples per frame and stream.

    Attributes:
        edges: (N + 1,) seconds at which frames begin, and the last one ends.
    """

    edges: F64
    _sums: dict[int, F64] = field(default_factory=dict)

    def add(self, samples: Samples) -> None:
        """Adds the samples to the frames that are shown while they sound."""
        frames = len(self.edges) - 1
        places = np.ceil((self.edges - float(samples.start)) * samples.rate - _ROUNDING)
        length = samples.values.shape[1]
        first = max(0, int(np.searchsorted(places, 0, side="right")) - 1)
        sums = self._sums.setdefault(samples.stream, np.zeros((3, frames)))
        for frame in range(first, frames):
            begin, stop = (int(min(max(places[k], 0), length)) for k in (frame, frame + 1))
            if begin >= length:
                return
            part = samples.values[:, begin:stop]
            if part.size:
                sums[0, frame] += float(np.square(part, dtype=np.float64).sum())
                sums[1, frame] += part.shape[1]
                sums[2, frame] = max(sums[2, frame], float(np.abs(part).max()))

    def levels(self) -> F32:
        """(N, 2) level and peak in dBFS of the loudest stream."""
        loudest = np.zeros((len(self.edges) - 1, 2))
        for sums in self._sums.values():
            level = np.sqrt(sums[0] / np.maximum(sums[1], 1))
            loudest = np.maximum(loudest, np.stack((level, sums[2]), axis=1))
        levels: F32 = np.maximum(20 * np.log10(np.maximum(loudest, 1e-9)), FLOOR_DBFS).astype(np.float32)
        return levels
