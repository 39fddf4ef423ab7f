"""Renders the sample video: a face, a cat, a cup of coffee and a rocket, with hard cuts and one black gap.

The pictures come out of the package scikit-image, whose `data` folder states for each that it is in the public domain or CC0:
astronaut (NASA), chelsea (a cat, CC0), coffee (CC0), rocket (SpaceX, CC0).
"""

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.models.manifest import Source, Weights
from pipeline.models.sources import Sources

WIDTH, HEIGHT, RATE = 640, 360, 25
SHOT_FRAMES, BLACK_FRAMES = 75, 25
PACKAGE = "scikit-image==0.26.0"
PICTURES = {
    "astronaut.png": ("88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5", 791555),
    "chelsea.png": ("596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb", 240512),
    "coffee.png": ("cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7", 466706),
    "rocket.jpg": ("c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", 112525),
}
"""File -> sha256 and size in bytes."""


def render(path: Path) -> None:
    """Writes the sample as H.264 in MP4 to `path`."""
    with tempfile.TemporaryDirectory() as scratch:
        sources = Sources(Path(scratch))
        pictures = [_picture(_fetched(sources, name, Path(scratch, name))) for name in PICTURES]
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        number = 0
        for position, picture in enumerate(pictures):
            shot = [_crop(picture, step / SHOT_FRAMES) for step in range(SHOT_FRAMES)]
            for pixels in shot + [black] * (BLACK_FRAMES if position == 1 else 0):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode())


def _fetched(sources: Sources, name: str, into: Path) -> Path:
    sha256, size = PICTURES[name]
    sources.obtain(Weights(name, sha256, size, (Source("pypi", PACKAGE, f"skimage/data/{name}"),)), into)
    return into


def _picture(path: Path) -> NDArray[np.uint8]:
    with av.open(str(path)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def _crop(picture: NDArray[np.uint8], progress: float) -> NDArray[np.uint8]:
    """A slow zoom into the picture, as documentaries show stills."""
    rows, columns = picture.shape[:2]
    scale = (1 - 0.1 * progress) * min(columns / WIDTH, rows / HEIGHT)
    width, height = int(WIDTH * scale), int(HEIGHT * scale)
    top, left = int((rows - height) * 0.2), (columns - width) // 2
    part = np.ascontiguousarray(picture[top : top + height, left : left + width])
    return av.VideoFrame.from_ndarray(part, format="rgb24").reformat(WIDTH, HEIGHT).to_ndarray(format="rgb24")
