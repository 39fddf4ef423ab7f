"""What was used lately, kept in memory up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

MOST_BYTES = 32 * 1024**2


class Lately:
    """Values that never change, by keys; of too many, those go that were wanted longest ago. Safe to use from several threads.

    Args:
        most_bytes: Of all values together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Any | None:
        """The value; None: it is not kept."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        """Keeps a value of so many bytes, if it is not larger than all may be."""
        with self._lock:
            self._bytes += size - self._kept.pop(key, (None, 0))[1]
            self._kept[key] = (value, size)
            while self._bytes > self._most_bytes:
                _, (_, gone) = self._kept.popitem(last=False)
                self._bytes -= gone

    @property
    def bytes(self) -> int:
        """Of all that is kept."""
        return self._bytes
