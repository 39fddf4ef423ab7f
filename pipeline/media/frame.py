"""A decoded picture that scales straight from the decoder's planes."""

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange as AvRange
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from pipeline.media.tally import Tally
from pipeline.media.types import U8, ColorRange, MediaInfo, Timestamp

_MATRICES: Mapping[int, Colorspace] = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.SMPTE170M,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}  # AVColorSpace -> swscale's names. Source: ITU-T H.273, MatrixCoefficients


def clockwise_rotation(frame: VideoFrame) -> int:
    """Degrees clockwise by which the picture is turned for display: 0, 90, 180 or 270; 0 where the matrix is damaged."""
    counterclockwise = frame.rotation
    return -counterclockwise % 360 if counterclockwise in (-180, -90, 90, 180) else 0


def is_full_range(frame: VideoFrame) -> bool:
    """Whether luma runs from 0 to 255 instead of 16 to 235."""
    layout = frame.format
    always_full = layout.is_rgb or layout.has_palette or layout.name.startswith("yuvj")
    untagged_gray = len(layout.components) < 3 and frame.color_range == AvRange.UNSPECIFIED
    return always_full or untagged_gray or frame.color_range == AvRange.JPEG


def _matrix(frame: VideoFrame) -> Colorspace:
    if frame.colorspace in _MATRICES:
        return _MATRICES[frame.colorspace]
    # Untagged: high definition is BT.709, the rest BT.601, as players assume.
    return Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601


_ENOUGH_ROWS = 8
"""Rows of the picture that are averaged for one of a thumbnail; more of them cost time and change it by less than coding does."""
_PLANAR = frozenset(
    {"gray", "nv12", "p010le", "yuv420p10le"}
    | {f"{yuv}{sampling}p" for yuv in ("yuv", "yuvj") for sampling in (420, 422, 444)}
)


def thinned(frame: VideoFrame, height: int) -> VideoFrame:
    """The picture with as many of its rows as a thumbnail `height` rows high needs: every third, fifth ... row, or all of them.

    Odd steps take rows of both fields of interlaced pictures, and the middle one of each group.
    """
    step = (frame.height // (height * _ENOUGH_ROWS) - 1) // 2 * 2 + 1
    if step < 3 or frame.format.name not in _PLANAR or _is_upside_down(frame):
        return frame
    thin = VideoFrame(frame.width, frame.height // step, frame.format.name)
    for source, kept in zip(frame.planes, thin.planes, strict=True):
        length = min(source.line_size, kept.line_size)
        rows = np.frombuffer(memoryview(source), np.uint8).reshape(source.height, -1)
        taken = rows[step // 2 :: step, :length][: kept.height]
        np.frombuffer(memoryview(kept), np.uint8).reshape(kept.height, -1)[: len(taken), :length] = taken
    return thin


def _is_upside_down(frame: VideoFrame) -> bool:
    """Whether rows are stored from the last to the first: their memory ends where the planes' buffers begin: only FFmpeg may read it."""
    return any(plane.line_size < 0 for plane in frame.planes)


class Scalers:
    """One swscale context per target size, kept while they are in use; serves one thread."""

    _KEPT = 16

    def __init__(self, tally: Tally | None = None) -> None:
        self._by_size: OrderedDict[tuple[int, int, str], VideoReformatter] = OrderedDict()
        self._tally = tally or Tally()

    def scale(self, frame: VideoFrame, width: int, height: int, pixel_format: str) -> VideoFrame:
        """The frame at another size and format, full range."""
        self._tally.converted += 1
        key = (width, height, pixel_format)
        scaler = self._by_size.pop(key, None) or VideoReformatter()
        self._by_size[key] = scaler
        if len(self._by_size) > self._KEPT:
            self._by_size.popitem(last=False)
        smaller = width <= frame.width and height <= frame.height
        return scaler.reformat(
            thinned(frame, height),
            width,
            height,
            pixel_format,
            src_colorspace=_matrix(frame),
            interpolation=Interpolation.AREA if smaller else Interpolation.BILINEAR,
            src_color_range=AvRange.JPEG if is_full_range(frame) else AvRange.MPEG,
            dst_color_range=AvRange.JPEG,
            threads=1,
        )


class DecodedFrame:
    """A `Frame` over FFmpeg's picture."""

    __slots__ = ("_made", "_media", "_picture", "_scalers", "index", "timestamp")

    def __init__(
        self, picture: VideoFrame, media: MediaInfo, scalers: Scalers, index: int, timestamp: Timestamp
    ) -> None:
        self._picture = picture
        self._media = media
        self._scalers = scalers
        self._made: dict[tuple[int, int], U8] = {}
        self.index = index
        self.timestamp = timestamp

    @property
    def width(self) -> int:
        """Displayed width in stored pixels."""
        return self._media.width

    @property
    def height(self) -> int:
        """Displayed height in stored pixels."""
        return self._media.height

    @property
    def aspect(self) -> float:
        """Width over height of the picture as a viewer sees it."""
        return self._media.aspect

    @property
    def color_range(self) -> ColorRange:
        """Range of the luma values."""
        return "FULL" if is_full_range(self._picture) else "LIMITED"

    def rgb(self, width: int, height: int) -> U8:
        """The whole picture scaled to (height, width, 3) RGB, 0 to 255; contiguous, read-only, made once per size."""
        if (width, height) not in self._made:
            self._made[width, height] = self._scaled(width, height)
        return self._made[width, height]

    def _scaled(self, width: int, height: int) -> U8:
        turns = self._media.rotation // 90
        stored = (height, width) if turns % 2 else (width, height)
        pixels = np.asarray(self._scalers.scale(self._picture, *stored, "rgb24").to_ndarray(), np.uint8)
        upright = np.ascontiguousarray(np.rot90(pixels, -turns) if turns else pixels)
        upright.flags.writeable = False
        return upright

    def luma(self) -> U8:
        """The stored luma plane (rows, columns) in `color_range`, not rotated; a view where the depth is 8 bits."""
        return luma_plane(self._picture, self._scalers)


def luma_plane(picture: VideoFrame, scalers: Scalers) -> U8:
    """The stored luma of any picture, (rows, columns) in its own range; a view where the depth is 8 bits."""
    layout = picture.format
    depth = layout.components[0].bits
    packed = len({part.plane for part in layout.components}) < min(2, len(layout.components))
    odd = _is_upside_down(picture) or layout.is_rgb or layout.has_palette
    if odd or depth < 8 or (packed and len(layout.components) == 2):
        return _plane(scalers.scale(picture, picture.width, picture.height, "gray"), np.uint8)
    if packed:
        return _plane(picture.reformat(format="yuv444p"), np.uint8)  # packed: yuyv422 and its like
    if depth == 8:
        return _plane(picture, np.uint8)
    # Formats like p010 keep their bits at the top of the word, planar ones at the bottom.
    shift = 8 if layout.name.startswith(("p0", "p2", "p4")) else depth - 8
    return (_plane(picture, np.uint16) >> shift).astype(np.uint8)


def _plane(picture: VideoFrame, dtype: type[np.uint8] | type[np.uint16]) -> U8:
    plane = picture.planes[0]
    rows: U8 = np.frombuffer(memoryview(plane), np.dtype(dtype)).reshape(plane.height, -1)
    return rows[:, : picture.width]
