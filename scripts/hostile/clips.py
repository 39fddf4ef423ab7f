"""The valid and the odd files that are mutated: short clips of every container that FFmpeg writes here, photos, and a folder's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

MOST_BYTES = 300_000
"""Of a file that is mutated."""
RATE = 48000


@dataclass(frozen=True, slots=True)
class Seed:
    """A file to mutate.

    Attributes:
        name: For people.
        container: Which mutations fit: mp4, mkv, avi, ts, jpeg, png, or other.
        content: The file.
    """

    name: str
    container: str
    content: bytes

    @property
    def suffix(self) -> str:
        """The extension of its name."""
        return Path(self.name).suffix


@dataclass(frozen=True, slots=True)
class Recipe:
    """A clip to make: name, codecs of pictures and sound, options of the container, and how often its streams are there."""

    name: str
    video: str
    audio: str = ""
    options: tuple[tuple[str, str], ...] = ()
    streams: int = 1
    size: tuple[int, int] = (96, 64)


RECIPES = (
    Recipe("plain.mp4", "libx264", "aac"),
    Recipe("fragmented.mp4", "libx264", "aac", (("movflags", "frag_keyframe+empty_moov"),)),
    Recipe("faststart.mov", "mpeg4", "pcm_s16le", (("movflags", "faststart"),)),
    Recipe("many.mp4", "mpeg4", "aac", streams=12),
    Recipe("silent.mp4", "mpeg4"),
    Recipe("plain.mkv", "libx264", "aac"),
    Recipe("many.mkv", "mpeg4", "libopus", streams=20),
    Recipe("ffv1.mkv", "ffv1", "pcm_s16le"),
    Recipe("vp8.webm", "libvpx", "libopus"),
    Recipe("vp9.webm", "libvpx-vp9"),
    Recipe("plain.avi", "mpeg4", "mp3"),
    Recipe("motion.avi", "mjpeg", "pcm_s16le"),
    Recipe("plain.ts", "libx264", "aac"),
    Recipe("mpeg2.ts", "mpeg2video", "mp2"),
    Recipe("many.ts", "mpeg2video", "mp2", streams=6),
    Recipe("program.mpg", "mpeg1video", "mp2"),
    Recipe("plain.flv", "flv1", "mp3"),
    Recipe("plain.wmv", "wmv2"),
    Recipe("moving.gif", "gif"),
    Recipe("raw.y4m", "rawvideo"),
    Recipe("plain.nut", "mpeg4", "mp2"),
    Recipe("plain.mxf", "mpeg2video", "pcm_s16le"),
)
CONTAINERS = {
    **dict.fromkeys((".mp4", ".mov", ".3gp", ".m4v"), "mp4"),
    **dict.fromkeys((".mkv", ".webm"), "mkv"),
    ".avi": "avi",
    ".ts": "ts",
    **dict.fromkeys((".jpg", ".jpeg"), "jpeg"),
    ".png": "png",
}


def container_of(path: Path) -> str:
    """Which mutations fit the file."""
    return CONTAINERS.get(path.suffix.lower(), "other")


def made(folder: Path) -> list[Seed]:
    """Clips and pictures of our own, made in the folder; those whose encoder FFmpeg lacks here are left out."""
    found = []
    for recipe in RECIPES:
        path = folder / recipe.name
        try:
            _clip(path, recipe)
        except (av.FFmpegError, ValueError):
            continue
        found.append(Seed(recipe.name, container_of(path), path.read_bytes()))
    return found + list(_pictures())


def collected(media: Path) -> list[Seed]:
    """The small files of a folder of test media: odd ones, short clips and photos."""
    paths = [
        *(media / "odd").glob("*"),
        *(media / "videos").glob("*"),
        *sorted((media / "images").rglob("*.jpg"))[::40],
    ]
    paths += sorted((media / "images").rglob("*.png"))[:5]
    sized = sorted(path for path in paths if path.suffix not in {".txt", ".md"} and path.stat().st_size <= MOST_BYTES)
    return [Seed(path.name, container_of(path), path.read_bytes()) for path in sized]


def _painted(tick: int, width: int, height: int) -> np.ndarray:
    """A picture that moves, with a cut in the middle."""
    rows, columns = np.mgrid[0:height, 0:width]
    scene = 90 if tick < 15 else 200
    return np.stack([(rows * 3 + 5 * tick) % 256, (columns * 2) % 256, np.full_like(rows, scene)], 2).astype(np.uint8)


def _clip(path: Path, recipe: Recipe, ticks: int = 30) -> None:
    width, height = recipe.size
    with av.open(str(path), "w", options=dict(recipe.options)) as container:
        videos = []
        for _ in range(recipe.streams):
            stream = container.add_stream(recipe.video, rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(recipe.video, "yuv420p")
            stream.codec_context.thread_count = 1  # the same bytes every time
            stream.codec_context.gop_size = 10
            videos.append(stream)
        sounds = [container.add_stream(recipe.audio, rate=RATE, layout="mono") for _ in videos] if recipe.audio else []
        for tick in range(ticks):
            shown = av.VideoFrame.from_ndarray(_painted(tick, width, height), "rgb24")
            for stream in videos:
                frame = shown.reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = tick, Fraction(1, 25)
                container.mux(stream.encode(frame))
            for sound in sounds:
                for packet in _tone(sound, tick):
                    container.mux(packet)
        for stream in [*videos, *sounds]:
            container.mux(stream.encode(None))


def _tone(sound: av.AudioStream, tick: int) -> Iterator[av.Packet]:
    values = np.sin(np.arange(RATE // 25) / 20 + tick).astype(np.float32) * 0.3
    heard = av.AudioFrame.from_ndarray((values[None] * 32767).astype(np.int16), "s16", "mono")
    heard.sample_rate, heard.pts, heard.time_base = RATE, tick * RATE // 25, Fraction(1, RATE)
    yield from sound.encode(heard)


def _pictures() -> Iterator[Seed]:
    for name, codec, layout in (
        ("plain.jpg", "mjpeg", "yuvj420p"),
        ("full.jpg", "mjpeg", "yuvj444p"),
        ("plain.png", "png", "rgb24"),
        ("clear.png", "png", "rgba"),
        ("grey.png", "png", "gray16be"),
    ):
        encoder = av.CodecContext.create(codec, "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 160, 120, layout, Fraction(1, 25)
        picture = av.VideoFrame.from_ndarray(_painted(3, 160, 120), "rgb24").reformat(format=layout)
        content = b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
        yield Seed(name, container_of(Path(name)), content)
