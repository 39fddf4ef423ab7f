"""Shorter copies of videos, so that a comparison ends soon."""

from pathlib import Path

import av


def beginning(video: Path, seconds: float, folder: Path) -> Path:
    """A copy of a video's first seconds in `folder`, packet by packet, with one stream of pictures and one of sound."""
    path = folder / video.name
    with av.open(str(video)) as source, av.open(str(path), "w") as target:
        chosen = [*source.streams.video[:1], *source.streams.audio[:1]]
        copies = {stream.index: target.add_stream_from_template(stream) for stream in chosen}
        begun: dict[int, int] = {}
        for packet in source.demux(*chosen):
            if packet.dts is None:
                continue
            first = begun.setdefault(packet.stream.index, packet.dts)
            if (packet.dts - first) * packet.time_base < seconds:
                packet.stream = copies[packet.stream.index]
                target.mux(packet)
    return path
