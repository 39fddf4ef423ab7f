"""What must be decoded for the frames that somebody wants, and what need not be."""

from dataclasses import dataclass

import numpy as np

from pipeline.media.types import I64

MARKED = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "h263", "vc1", "wmv3", "rv30", "rv40"})
"""Codecs whose pictures say whether others refer to them, and whose decoders leave out those to which none does when told so.

Not VP8, VP9 and AV1: what one picture sets there may hold for the next, or the decoder does not leave out anything.
"""
_MOST = 0.5
_HVCC, _LAYERS_BYTE = 1, 21
_PARAMETERS = b"\x00\x00\x01\x40\x01"


@dataclass(frozen=True, slots=True)
class Walk:
    """Wanted frames that are decoded in one go.

    Attributes:
        key: Position in `FrameIndex.keyframes` at which decoding begins.
        wanted: (N,) int64 ascending frame numbers, N > 0.
    """

    key: int
    wanted: I64


def plan_walks(wanted: I64, keyframes: I64) -> list[Walk]:
    """Wanted frames cut before each group of pictures, unless the frame in front of that group is wanted too."""
    if not len(wanted):
        return []
    keys = np.searchsorted(keyframes, wanted, side="right") - 1
    cuts = np.flatnonzero((np.diff(keys) > 0) & (keyframes[keys[1:]] - wanted[:-1] > 1)) + 1
    return [Walk(int(key[0]), part) for key, part in zip(np.split(keys, cuts), np.split(wanted, cuts), strict=True)]


def threads_for(wanted: I64, threads: int) -> int:
    """Decoder threads: as many as granted where most frames are wanted; one where few are, which most of the time is left out.

    Args:
        wanted: (N,) int64 ascending frame numbers, N > 0.
        threads: As many as may be used.
    """
    return threads if len(wanted) >= _MOST * (int(wanted[-1]) - int(wanted[0]) + 1) else 1


def tells_unreferenced(codec: str, extradata: bytes | None) -> bool:
    """Whether the decoder can be told to leave out pictures to which no other refers, and leaves out no more than those.

    In HEVC with temporal layers, pictures are marked to which none of their own layer refers; those of higher layers may.

    Args:
        codec: Name of the codec.
        extradata: Parameters that the container keeps beside the pictures.
    """
    return codec in MARKED and (codec != "hevc" or temporal_layers(extradata or b"") == 1)


def temporal_layers(extradata: bytes) -> int:
    """Temporal layers of an HEVC stream, 1 to 7; 0 where the parameters do not tell.

    Source: ISO/IEC 14496-15, 8.3.3 (numTemporalLayers); ITU-T H.265, 7.3.2.1 (vps_max_sub_layers_minus1).
    """
    if extradata[:1] == bytes([_HVCC]):
        return extradata[_LAYERS_BYTE] >> 3 & 7 if len(extradata) > _LAYERS_BYTE else 0
    place = extradata.find(_PARAMETERS)
    found = extradata[place + len(_PARAMETERS) :][:2] if place >= 0 else b""
    return (found[1] >> 1 & 7) + 1 if len(found) == 2 else 0
