"""When which fault is injected: decided by a seed, each kind in every round, overlapping where they hit different parts."""

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.support.chaos.faults import Fault, Heal
from tests.support.chaos.installation import Installation
from tests.support.chaos.processes import NotNow

GAP_S = (1.5, 14.0)
"""Bounds of the mean time between two faults; short runs have them closer, so that more kinds are seen."""
TRIES = 4
"""How often in a round a kind of fault looks for something to hit."""


@dataclass(slots=True)
class Schedule:
    """Injects faults for a while, and heals them all.

    Attributes:
        installation: The victim.
        kinds: What may be injected.
        random: Decides.
        gap_s: Mean time between two faults.
        tell: Hears of every fault.
        injected: How often each kind was.
    """

    installation: Installation
    kinds: Mapping[str, Fault]
    random: Random
    gap_s: float
    tell: Callable[[str], None] = print
    injected: Counter[str] = field(default_factory=Counter)
    _under_way: list[tuple[float, int, Fault, Heal]] = field(default_factory=list)

    def run(self, seconds: float) -> None:
        """Returns when the time is over and everything is healed."""
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self._round(end)
        finally:
            self._heal(everything=True)

    def _round(self, end: float) -> None:
        """Every kind once; those that find nothing to hit come again later, a few times."""
        names = sorted(self.kinds)
        self.random.shuffle(names)
        waiting = deque((name, TRIES) for name in names)
        while waiting:
            self._wait(self.random.uniform(0.4, 1.6) * self.gap_s, end)
            if time.monotonic() >= end:
                return
            name, tries = waiting.popleft()
            if not self._inject(self.kinds[name], end) and tries > 1:
                waiting.append((name, tries - 1))

    def _wait(self, seconds: float, end: float) -> None:
        until = min(time.monotonic() + seconds, end)
        while time.monotonic() < until:
            self._heal()
            time.sleep(0.05)

    def _inject(self, fault: Fault, end: float) -> bool:
        """Whether there was something to hit."""
        hold_s = self.random.uniform(*fault.hold_s)
        dice = Random(self.random.random())  # however often it has to wait, the next faults stay the same
        while any(other.part == fault.part for _, _, other, _ in self._under_way) and time.monotonic() < end:
            self._wait(0.2, end)
        try:
            heal = fault.inject(self.installation, dice)
        except NotNow:
            self.tell(f"  (not now: {fault.name})")
            return False
        self.injected[fault.name] += 1
        self.tell(f"  {fault.name}" + (f", {hold_s:.1f} s" if heal else ""))
        if heal:
            heapq.heappush(self._under_way, (time.monotonic() + hold_s, self.injected.total(), fault, heal))
        return True

    def _heal(self, *, everything: bool = False) -> None:
        while self._under_way and (everything or self._under_way[0][0] <= time.monotonic()):
            heapq.heappop(self._under_way)[3]()
