"""The wanted frames of a video with their exact numbers, whatever the file does with seeking."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from pipeline.media.decoder import Care, Decoder, Doubt
from pipeline.media.frame import DecodedFrame, Scalers
from pipeline.media.limits import DecodeLimits
from pipeline.media.tally import Tally
from pipeline.media.types import I64, FrameIndex, MediaInfo, Stretch


class _Reader:
    """Numbers the pictures of decoders."""

    def __init__(self, media: MediaInfo, index: FrameIndex, tally: Tally) -> None:
        self._media = media
        self._index = index
        self._scalers = Scalers(tally)

    def hurried(self, decoder: Decoder, wanted: I64) -> Generator[DecodedFrame, None, I64]:
        """The wanted frames up to the first that is missing, or damage; returns the numbers of the others."""
        place = 0
        try:
            for number, picture in self._numbered(decoder):
                if number > wanted[place] or picture.is_corrupt:
                    break
                if number == wanted[place]:
                    yield self._frame(number, picture)
                    place += 1
                if place == len(wanted):
                    break
        except Doubt:
            pass
        return wanted[place:]

    def careful(self, decoder: Decoder, wanted: I64) -> Generator[DecodedFrame, None, bool]:
        """The wanted frames that can be decoded; returns whether the decoder could begin where it did."""
        place = 0
        try:
            for number, picture in self._numbered(decoder):
                place += int(np.searchsorted(wanted[place:], number))
                if place < len(wanted) and number == wanted[place]:
                    yield self._frame(number, picture)
                    place += 1
                if place == len(wanted):
                    break
        except Doubt:  # of its first picture
            return False
        return True

    def _numbered(self, decoder: Decoder) -> Iterator[tuple[int, VideoFrame]]:
        """Pictures by presentation time; by counting where the stream has no times."""
        for counted, picture in enumerate(decoder.pictures()):
            if self._media.counted or picture.pts is None:
                yield counted, picture
            else:
                yield int(np.searchsorted(self._index.pts, picture.pts)), picture

    def _frame(self, number: int, picture: VideoFrame) -> DecodedFrame:
        return DecodedFrame(picture, self._media, self._scalers, number, self._index.timestamp(number))


def read(
    path: str | Path,
    media: MediaInfo,
    index: FrameIndex,
    stretch: Stretch,
    wanted: I64 | None = None,
    limits: DecodeLimits = DecodeLimits(),  # noqa: B008
    beat: Callable[[], None] = lambda: None,
    tally: Tally | None = None,
) -> Iterator[DecodedFrame]:
    """The frames of the stretch in display order; frames that a damaged file lost are left out.

    Args:
        path: The file.
        media: Facts from the probe.
        index: Frame times from the probe.
        stretch: Frames to decode.
        wanted: (N,) int64 ascending frame numbers that somebody looks at; all where None.
        limits: Bounds for the decoder.
        beat: Called at every sign of progress, also between wanted frames.
        tally: Counts what reading costs.

    Raises:
        MediaError: the file cannot be opened any more, or decoding stalls.
        MemoryError: the process may not have the memory that decoding needs.
        SetupError: the device of the limits is not there.
    """
    if wanted is None:
        wanted = np.arange(stretch.start, stretch.stop, dtype=np.int64)
    wanted = wanted[(wanted >= stretch.start) & (wanted < stretch.stop)]
    if not len(wanted):
        return
    tally = tally or Tally()
    reader = _Reader(media, index, tally)
    if not (media.counted or index.repeated):
        with closing(Decoder(path, media, index, wanted, limits, beat, tally)) as decoder:
            wanted = yield from reader.hurried(decoder, wanted)
        tally.doubts += bool(len(wanted))
    for care in (Care.NEAR, Care.WHOLE):
        if not len(wanted):
            return
        with closing(Decoder(path, media, index, wanted, limits, beat, tally, care)) as decoder:
            if (yield from reader.careful(decoder, wanted)):
                return
