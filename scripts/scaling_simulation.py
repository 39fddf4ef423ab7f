"""A discrete-event simulation of many workers on videos, driven by measured stage times.

Workers are in machines, and each machine fetches a video whole before its first chunk of it. Claims and settlements of one pass exclude
each other, and the database does so many transactions at once. Planning and finishing are done by the workers of `control`, a pass by one
of them.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import ceil


@dataclass(frozen=True, slots=True)
class Stages:
    """Seconds that stages take, and sizes.

    Attributes:
        plan: Probing and cutting, per minute of video.
        work: Decoding and inference on one core, per minute of video.
        fixed: What every chunk takes beside that: its message, opening the video, reading the index.
        claim: Transaction that takes a chunk.
        settle: Transaction that keeps one.
        put: Storing the detections of a chunk.
        finish: Aggregating and writing results of all analyses, per minute of video.
        closing: What every pass takes beside that at its end.
        bytes: Size of a minute of video.
    """

    plan: float
    work: float
    fixed: float
    claim: float
    settle: float
    put: float
    finish: float
    closing: float
    bytes: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """What there is.

    Attributes:
        workers: Video workers, one core each.
        per_machine: How many share a machine and its copy of a video.
        control: Children of the workers of `control`.
        transactions: How many the database does at once.
        link: Bytes per second that a machine can fetch; 0: videos need not be fetched.
        store: Bytes per second that the object store can give to all machines together.
        chunk_min: Length of a chunk, in minutes.
    """

    workers: int
    per_machine: int = 8
    control: int = 2
    transactions: int = 16
    link: float = 125e6
    store: float = 1.25e9
    chunk_min: float = 2.0


@dataclass(slots=True)
class Lane:
    """Servers that take requests in the order of their arrival."""

    servers: int
    busy: int = 0
    queue: deque[Callable[[], None]] = field(default_factory=deque)
    waited: float = 0.0


@dataclass(slots=True)
class Video:
    """A video on its way."""

    minutes: float
    lock: Lane = field(default_factory=lambda: Lane(1))
    chunks: deque[float] = field(default_factory=deque)
    left: int = 0
    copies: dict[int, float] = field(default_factory=dict)
    planned: float = 0.0
    analysed: float = 0.0
    finished: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation took.

    Attributes:
        wall: Seconds until the last video was finished.
        losses: Seconds of wall time by cause, beyond that of work divided by all workers.
        first: Seconds until half of the videos were finished.
    """

    wall: float
    losses: dict[str, float]
    first: float


class Simulation:
    """Runs once.

    Args:
        stages: How long what takes.
        fleet: What there is.
        minutes: Lengths of the videos, all submitted at once.
    """

    def __init__(self, stages: Stages, fleet: Fleet, minutes: Iterable[float]) -> None:
        self.stages, self.fleet = stages, fleet
        self.videos = [Video(length) for length in minutes]
        self._now, self._numbers = 0.0, itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._database, self._control = Lane(fleet.transactions), Lane(fleet.control)
        self._turns: deque[Video] = deque()
        self._idle: list[int] = list(range(fleet.workers))
        self._fetching = 0.0
        self._worked = 0.0

    def run(self) -> Outcome:
        """How long it takes."""
        for video in self.videos:
            self._use(self._control, self.stages.plan * video.minutes, lambda video=video: self._planned(video))
        while self._events:
            self._now, _, happens = heapq.heappop(self._events)
            happens()
        return self._outcome()

    def _after(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._numbers), happens))

    def _acquire(self, lane: Lane, then: Callable[[], None]) -> None:
        """Goes on with `then` as soon as a server of the lane is free, and keeps it."""
        asked = self._now

        def begin() -> None:
            lane.waited += self._now - asked
            then()

        if lane.busy < lane.servers:
            lane.busy += 1
            begin()
        else:
            lane.queue.append(begin)

    def _release(self, lane: Lane) -> None:
        if lane.queue:
            lane.queue.popleft()()
        else:
            lane.busy -= 1

    def _use(self, lane: Lane, seconds: float, then: Callable[[], None]) -> None:
        """Goes on with `then` after so long in the lane."""

        def end() -> None:
            self._release(lane)
            then()

        self._acquire(lane, lambda: self._after(seconds, end))

    def _planned(self, video: Video) -> None:
        video.planned = self._now
        video.left = max(1, ceil(video.minutes / self.fleet.chunk_min - 1e-9))
        video.chunks.extend([video.minutes / video.left] * video.left)
        self._turns.append(video)
        waiting, self._idle = self._idle, []
        for worker in waiting:
            self._next(worker)

    def _next(self, worker: int) -> None:
        """The worker takes the chunk whose turn it is."""
        while self._turns and not self._turns[0].chunks:
            self._turns.popleft()
        if not self._turns:
            self._idle.append(worker)
            return
        video = self._turns.popleft()
        length = video.chunks.popleft()
        self._turns.append(video)
        stages = self.stages
        work = stages.fixed + stages.work * length + stages.put
        self._worked += work + stages.claim + stages.settle

        def claimed() -> None:
            self._after(self._fetch_s(video, worker) + work, done)

        def done() -> None:
            self._transact(video, stages.settle, settled)

        def settled() -> None:
            video.left -= 1
            if not video.left:
                video.analysed = self._now
                seconds = stages.finish * video.minutes + stages.closing
                self._use(self._control, seconds, lambda: setattr(video, "finished", self._now))
            self._next(worker)

        self._transact(video, stages.claim, claimed)

    def _transact(self, video: Video, seconds: float, then: Callable[[], None]) -> None:
        """A transaction that holds the pass and one place in the database."""

        def end() -> None:
            self._release(video.lock)
            then()

        self._acquire(video.lock, lambda: self._use(self._database, seconds, end))

    def _fetch_s(self, video: Video, worker: int) -> float:
        """Seconds until the machine of the worker has the video."""
        fleet = self.fleet
        if not fleet.link:
            return 0.0
        machine = worker // fleet.per_machine
        if machine not in video.copies:
            size = video.minutes * self.stages.bytes
            machines = min(ceil(fleet.workers / fleet.per_machine), len(video.copies) + 1)
            video.copies[machine] = self._now + max(size / fleet.link, machines * size / fleet.store)
        wait = max(0.0, video.copies[machine] - self._now)
        self._fetching += wait
        return wait

    def _outcome(self) -> Outcome:
        wall = max(video.finished for video in self.videos)
        ended = sorted(video.finished for video in self.videos)
        workers = self.fleet.workers
        analysed = max(video.analysed for video in self.videos)
        begun = min(video.planned for video in self.videos)
        ideal = self._worked / workers
        fetching = self._fetching / workers
        locked = (self._database.waited + sum(video.lock.waited for video in self.videos)) / workers
        losses = {
            "planning": begun,
            "fetching the video": fetching,
            "transactions": locked,
            "chunks": max(0.0, analysed - begun - ideal - fetching - locked),
            "finishing": wall - analysed,
        }
        return Outcome(wall, losses, ended[len(ended) // 2])


def table(stages: Stages, fleets: Sequence[Fleet], minutes: Sequence[float]) -> list[tuple[Fleet, Outcome, float]]:
    """Every fleet with its outcome and its speed-up over one worker, which has the videos at hand."""
    alone = Simulation(stages, Fleet(1, link=0.0, chunk_min=fleets[0].chunk_min), minutes).run()
    outcomes = [(fleet, Simulation(stages, fleet, minutes).run()) for fleet in fleets]
    return [(fleet, outcome, alone.wall / outcome.wall) for fleet, outcome in outcomes]
