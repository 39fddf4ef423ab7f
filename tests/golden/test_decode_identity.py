"""Over real files: whatever is left out between the wanted frames, these are bit by bit those of a full decode."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.errors import MediaError
from pipeline.media.probe import probe
from tests.support.full_decode import fully_decoded, read_frames

FRAMES = 120
"""Of each file, at most."""


def _wanted(count: int) -> list[tuple[Sequence[int], int]]:
    """Wanted frames and decoder threads: few, some near both ends, all of the second half."""
    ends = [n for n in range(0, count, 5) if not count // 4 <= n < count - count // 4]
    return [(range(3, count, 12), 1), (ends, 1), (range(count // 2, count), 2)]


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["videos", "odd"])
def test_wanted_frames_are_those_of_a_full_decode(media: Path, folder: str) -> None:
    compared = 0
    for path in sorted((media / folder).iterdir()):
        try:
            opened = path, *probe(path)
        except MediaError:
            continue
        # The last frames of a part may be held back behind others.
        everything = fully_decoded(*opened, frames=FRAMES + 20)
        for wanted, threads in _wanted(min(FRAMES, opened[1].frame_count)):
            found, _ = read_frames(*opened, wanted, threads)
            assert found == {number: everything[number] for number in wanted if number in everything}, path.name
        compared += 1
    assert compared >= 20
