"""YOLO26n by ONNX Runtime, as people put it in front of trackers."""

from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIDE = 640


@cache
def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(path))


def detected(path: Path, picture: Any, least: float = 0.25) -> Any:
    """(N, 6) x0, y0, x1, y1 in pixels of the BGR picture, score, class of COCO; letterboxed to 640."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    small = cv2.resize(picture, (round(width * scale), round(height * scale)))
    canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    planes = canvas[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 255
    rows = _session(path).run(None, {"images": planes})[0][0]
    rows = rows[rows[:, 4] >= least].copy()
    rows[:, :4] /= scale
    return rows
