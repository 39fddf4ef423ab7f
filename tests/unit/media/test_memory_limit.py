"""A process that may not have more memory says so; it never passes off a part of the frames as all of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.media import U8, Clip, render

FRAMES = 6
ROOMS_MB = (400, 25, 15)
"""What the process may take beyond what it has: enough, too little for all frames, for one."""
PROGRAM = """
import resource, sys
from pathlib import Path
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import Stretch

path, room_mb = sys.argv[1], int(sys.argv[2])
pages = int(Path("/proc/self/statm").read_text().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + room_mb * 1024**2,) * 2)
try:
    media, index = probe(path)
    print(sum(1 for _ in read(path, media, index, Stretch(0, media.frame_count))))
except MemoryError:
    print("MemoryError")
"""


def large(number: int) -> U8:
    """(2160, 3840, 3) grey."""
    return np.full((2160, 3840, 3), number * 8, np.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
def test_frames_are_all_there_or_memory_is_named(tmp_path: Path) -> None:
    path = render(tmp_path / "large.mp4", Clip(frames=FRAMES, codec="mpeg4", options={"g": "10"}, paint=large))
    ends = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path), str(room)], capture_output=True, text=True, check=True
        ).stdout.strip()
        for room in ROOMS_MB
    ]
    assert ends[0] == str(FRAMES)
    assert set(ends) == {str(FRAMES), "MemoryError"}
