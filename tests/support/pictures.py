"""Picture files made in memory: JPEG and PNG of any pixel format, with an orientation, or in a printer's colours."""

import struct
import zlib
from collections.abc import Mapping

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from pipeline.media.still import decode
from pipeline.media.types import U8

Colour = tuple[int, int, int]


def corners(width: int, height: int, *colours: Colour) -> U8:
    """(height, width, 3): four quarters, row by row."""
    pixels = np.empty((height, width, 3), np.uint8)
    for place, colour in enumerate(colours):
        rows, columns = divmod(place, 2)
        pixels[rows * height // 2 : (rows + 1) * height // 2, columns * width // 2 : (columns + 1) * width // 2] = (
            colour
        )
    return pixels


def jpeg(pixels: U8, pixel_format: str = "yuvj444p") -> bytes:
    """A JPEG file of (H, W, 3) RGB."""
    return _encoded("mjpeg", pixels, pixel_format, "rgb24")


def png(pixels: U8, pixel_format: str = "rgb24", given: str = "rgb24") -> bytes:
    """A PNG file of (H, W, 3) RGB, or of what `given` names."""
    return _encoded("png", pixels, pixel_format, given)


def with_exif(picture: bytes, orientation: int) -> bytes:
    """The JPEG or PNG file with an Exif block of one entry."""
    block = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    if picture.startswith(b"\xff\xd8"):
        segment = b"Exif\0\0" + block
        return picture[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + picture[2:]
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    return picture[:33] + chunk + picture[33:]


def flat_jpeg(width: int, height: int, *samples: int, scans: int = 1, progressive: bool = False) -> bytes:
    """A JPEG file of one colour: one grey sample, or four inverted inks (255: none) as Adobe's programs store them.

    Every block has one coefficient, its mean; all tables are as small as they can be. The same scan may come again and again.
    """
    many = len(samples)
    parts = [b"\xff\xd8", _segment(0xDB, b"\0" + b"\x08" * 64)]
    if many == 4:
        parts.append(_segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"))
    components = b"".join(bytes([n, 0x11, 0]) for n in range(1, many + 1))
    parts.append(_segment(0xC2 if progressive else 0xC0, struct.pack(">BHHB", 8, height, width, many) + components))
    categories = bytes(range(16))  # sixteen codes of five bits: the code of a category is its number
    parts.append(_segment(0xC4, b"\0" + bytes([0, 0, 0, 0, 16]) + bytes(11) + categories))
    parts.append(_segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\0"))
    chosen = bytes([many]) + b"".join(bytes([n, 0]) for n in range(1, many + 1))
    start = _segment(0xDA, chosen + (b"\0\0\0" if progressive else b"\0\x3f\0"))
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    end = "" if progressive else "0"
    first = "".join(_coefficient(sample - 128) + end for sample in samples)
    bits = first + (_coefficient(0) + end) * many * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    return b"".join([*parts, (start + scan) * scans, b"\xff\xd9"])


def wall(photo: bytes, box: Mapping[str, float], rows: int, columns: int) -> bytes:
    """A JPEG file of so many small portraits of the face in a BoundingBox of a photo."""
    still = decode(photo, 10**8)
    height = round(60 / box["Height"])
    small = still.rgb(round(height * still.aspect), height)
    top, left = round(box["Top"] * height), round(box["Left"] * small.shape[1])
    portrait = small[max(0, top - 20) :, max(0, left - 20) :][:96, :80]
    return jpeg(np.tile(portrait, (rows, columns, 1)))


def _coefficient(difference: int) -> str:
    """Bits of the mean of a block that differs so much from the one before."""
    size = abs(difference).bit_length()
    value = difference if difference > 0 else difference + (1 << size) - 1
    return f"{size:05b}" + (f"{value:0{size}b}" if size else "")


def _segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def _encoded(codec_name: str, pixels: U8, pixel_format: str, given: str) -> bytes:
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(pixels), given)
    codec = av.CodecContext.create(codec_name, "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, pixel_format
    codec.time_base = 1
    if codec_name == "mjpeg":
        codec.options = {"strict": "unofficial"}
        codec.qmin = codec.qmax = 1
    frame = _paletted(pixels) if pixel_format == "pal8" else frame.reformat(format=pixel_format, dst_color_range="JPEG")
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


def _paletted(pixels: U8) -> VideoFrame:
    """The picture, which has at most 256 colours, with a palette."""
    colours, places = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(colours)] = np.column_stack([np.full(len(colours), 255), colours])
    return VideoFrame.from_ndarray((places.reshape(pixels.shape[:2]).astype(np.uint8), palette), "pal8")
