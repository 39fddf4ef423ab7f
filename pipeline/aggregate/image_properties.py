"""Quality and colours of a picture as answers show them."""

from collections.abc import Mapping
from math import floor
from typing import Any

import numpy as np

from pipeline.colors.names import Named, nearest
from pipeline.detect.dominant_colors import Colors
from pipeline.detect.picture_quality import Quality


def quality_body(quality: Quality) -> dict[str, float]:
    """An ImageQuality, 0 to 100."""
    shown = {"Brightness": quality.brightness, "Sharpness": quality.sharpness, "Contrast": quality.contrast}
    return {name: round(value, 4) for name, value in shown.items()}


def color_bodies(colors: Colors, most: int) -> list[dict[str, Any]]:
    """The first `most` DominantColors, the commonest first."""
    names = nearest(colors.rgb.astype(np.float64))
    rows = zip(colors.rgb.tolist(), names, colors.shares.tolist(), strict=True)
    return [_color(rgb, name, share) for rgb, name, share in rows][:most]


def part_body(quality: Quality, colors: Colors, most: int) -> Mapping[str, Any]:
    """Quality and DominantColors of a picture or a part of it."""
    return {"Quality": quality_body(quality), "DominantColors": color_bodies(colors, most)}


def _color(rgb: list[int], name: Named, share: float) -> dict[str, Any]:
    """A DominantColor; percentages are rounded down, so that they never add up to more than 100."""
    red, green, blue = rgb
    return {
        "Red": red,
        "Green": green,
        "Blue": blue,
        "HexCode": f"#{red:02x}{green:02x}{blue:02x}",
        "CSSColor": name.name,
        "SimplifiedColor": name.simple,
        "PixelPercent": floor(share * 1e6) / 1e4,
    }
