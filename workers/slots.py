"""How many children of one worker may do the same long thing at once, so that the others stay free for what is short."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator


class Slots:
    """Some slots for the processes that are forked off after this was made; those of one that was killed are free again at once.

    Args:
        number: How many; at least one is made.
    """

    def __init__(self, number: int) -> None:
        self._number = max(1, number)
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())  # open as long as the process lives

    @contextlib.contextmanager
    def taken(self) -> Iterator[bool]:
        """Whether there was a free slot, which this process then holds inside the `with` block."""
        held = next((place for place in range(self._number) if self._lock(place)), None)
        try:
            yield held is not None
        finally:
            if held is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, held)

    def _lock(self, place: int) -> bool:
        # Such locks belong to a process, not to the file it inherited.
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            return False
        return True
