"""A still picture as a `Frame`, so that detectors of videos work on it unchanged."""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

import av
import av.logging
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from pipeline.errors import MediaError
from pipeline.media.container import require_damage
from pipeline.media.frame import Scalers, is_full_range, luma_plane
from pipeline.media.picture import PictureFormat, picture_head
from pipeline.media.pixels import jpeg_pixels, png_pixels
from pipeline.media.types import U8, ColorRange, Timestamp

DECODERS: Mapping[PictureFormat, str] = {"JPEG": "mjpeg", "PNG": "png"}
UPRIGHT: Mapping[int, tuple[bool, int]] = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 3),
    6: (False, 1),
    7: (True, 1),
    8: (False, 3),
}
"""Exif orientation -> whether the stored picture is mirrored left to right, then quarter turns clockwise."""
ALIGNED = 128
"""Pixels by which decoders may lengthen rows and columns."""
STRIP = 256
"""Rows that are blended with white at a time."""


class Still:
    """A `Frame` over one picture: frame 0, at the time 0.

    Args:
        picture: As stored, opaque.
        orientation: 1 to 8 as Exif numbers them.
    """

    index = 0
    timestamp = Timestamp(0, Fraction(1))

    def __init__(self, picture: VideoFrame, orientation: int = 1) -> None:
        self._picture = picture
        self._mirrored, self._turns = UPRIGHT[orientation]
        self._scalers = Scalers()
        self._made: dict[tuple[int, int], U8] = {}

    @property
    def width(self) -> int:
        """Displayed width in pixels."""
        return int(self._picture.height if self._turns % 2 else self._picture.width)

    @property
    def height(self) -> int:
        """Displayed height in pixels."""
        return int(self._picture.width if self._turns % 2 else self._picture.height)

    @property
    def aspect(self) -> float:
        """Width over height; pixels of stills are square, whatever the file says of the density of a print."""
        return self.width / self.height

    @property
    def color_range(self) -> ColorRange:
        """Range of the luma values."""
        return "FULL" if is_full_range(self._picture) else "LIMITED"

    def rgb(self, width: int, height: int) -> U8:
        """The whole picture scaled to (height, width, 3) RGB, 0 to 255; contiguous, read-only, made once per size."""
        if (width, height) not in self._made:
            self._made[width, height] = self._scaled(width, height)
        return self._made[width, height]

    def luma(self) -> U8:
        """The stored luma plane (rows, columns) in `color_range`, not turned."""
        return self._luma

    @cached_property
    def _luma(self) -> U8:
        return luma_plane(self._picture, self._scalers)

    def _scaled(self, width: int, height: int) -> U8:
        stored = (height, width) if self._turns % 2 else (width, height)
        pixels = np.asarray(self._scalers.scale(self._picture, *stored, "rgb24").to_ndarray(), np.uint8)
        mirrored = pixels[:, ::-1] if self._mirrored else pixels
        upright = np.ascontiguousarray(np.rot90(mirrored, -self._turns))
        upright.flags.writeable = False
        return upright


def decode(content: bytes, max_pixels: int) -> Still:
    """The picture in a JPEG or PNG file, upright; what is transparent in it lies over white.

    Raises:
        MediaError: the content is neither, is damaged or truncated, or has more than `max_pixels` pixels.
        MemoryError: the process may not have the memory that decoding needs.
    """
    head = picture_head(content)
    if head.width * head.height > max_pixels:
        raise MediaError(f"it has {head.width} x {head.height} pixels, more than {max_pixels}")
    # The decoder counts what it aligns. A picture of which a part is missing would be analysed as if that part were grey.
    room = (head.width + ALIGNED) * (head.height + ALIGNED)
    options = {"max_pixels": str(room), "err_detect": "crccheck+bitstream+buffer+explode"}
    pixels = png_pixels(content) if head.format == "PNG" else jpeg_pixels(content, head.width * head.height)
    picture = _opaque(_picture(pixels, DECODERS[head.format], options))
    if (picture.width, picture.height) != (head.width, head.height):
        raise MediaError(f"the {head.format} file is damaged: it contains pictures of several sizes")
    return Still(picture, head.orientation)


def _picture(content: bytes, decoder: str, options: dict[str, str]) -> VideoFrame:
    codec = av.CodecContext.create(decoder, "r")
    assert isinstance(codec, VideoCodecContext)
    codec.options, codec.thread_count = options, 1
    try:
        pictures = [*codec.decode(av.Packet(content)), *codec.decode(None)]
    except av.FFmpegError as error:
        require_damage(error)
        raise MediaError(f"the file is damaged or truncated ({error.strerror})") from error
    if not pictures:
        raise MediaError("the file contains no picture")
    return pictures[0]


def _opaque(picture: VideoFrame) -> VideoFrame:
    """The picture over white; itself where its format has no transparency."""
    if not picture.format.has_palette and len(picture.format.components) not in {2, 4}:
        return picture
    picture = picture.reformat(format="rgba")
    plane = picture.planes[0]
    rgba = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1, 4)[:, : picture.width]
    for row in range(0, len(rgba), STRIP):
        part = rgba[row : row + STRIP]
        if part[..., 3].min() < 255:  # in place: large pictures are not held twice
            alpha = part[..., 3:].astype(np.uint16)
            mixed = part[..., :3] * alpha + (255 - alpha) * 255 + 128
            part[..., :3] = (mixed + (mixed >> 8)) >> 8  # divides by 255, rounding
            part[..., 3] = 255
    return picture
