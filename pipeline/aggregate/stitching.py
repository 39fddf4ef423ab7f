"""Persons out of tracklets: which tracklet goes on as which, decided when all are known.

A pair is worth the logarithm of how much likelier the later one is the same person than somebody new: of the place, given both speeds and
that speed wanders in between, of the size, and of the colours. The worthiest pairs are joined first.

Source: Huang et al., "Robust Object Tracking by Hierarchical Association of Detection Responses", ECCV 2008, for the hierarchy and its
affinities.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log, pi

import numpy as np

from pipeline.aggregate.doubles import undoubled
from pipeline.aggregate.likeness import likeness
from pipeline.aggregate.motion import ACCELERATION, F64, SEEN, tail
from pipeline.aggregate.tracklets import Tracklet

GAP_S = 10.0
"""Longest time out of sight that is bridged within a shot."""
END_S = 1.2
"""Stretch of a tracklet that tells its speed and looks at an end."""
SPEED_DEVIATION = 0.3
"""Of a speed that was measured over `END_S`, in persons' heights a second; more where it was shorter."""
SIZE_DEVIATION, SIZE_RANGE = 0.15, 0.7
"""Of the logarithm of the height: of one person after a gap, and among all people of a picture."""
PRIOR = -2.0
"""Logarithm of the chance that somebody who is gone is this one who appears, before anything is known of the two."""
SIDE = 0.15
"""Who is nearer than this to the left or right edge, in their heights, leaves or enters: they walk that far in a fifth of a second."""
RETURN = -3.0
"""What is added to `PRIOR` for each end at an edge: who left seldom comes back, and who enters is seldom one of those."""
PATIENCE_S = 5.0
"""A chance decays to a third in this time: the longer somebody is out of sight, the likelier they left."""


@dataclass(frozen=True, slots=True)
class End:
    """One end of a tracklet.

    Attributes:
        seconds: When.
        place: (2,) middle of the head, in heights of the picture, without the camera's motion.
        speed: (2,) a second.
        doubt: Deviation of the speed.
        log_height: Logarithm of the height.
        look: (D,) mean colours.
        aside: Whether it lies at the left or right edge of the picture.
    """

    seconds: float
    place: F64
    speed: F64
    doubt: float
    log_height: float
    look: F64
    aside: bool


def end_of(track: Tracklet, last: bool, room: float) -> End:
    """The first or the last second or so of a tracklet."""
    order = slice(None, None, -1) if last else slice(None)
    times, places = track.times[order], track.places[order]
    near = np.abs(times - times[0]) <= END_S
    places = places[near]
    at = places[:, :2] - track.drifts[order][near]
    since = times[near] - times[0]
    height = float(np.exp(np.median(places[:, 3])))
    speed, doubt = _speed(since, at, height)
    place = at.mean(axis=0) - speed * since.mean()
    reach = float(np.exp(places[0, 2])) / 2 + SIDE * height
    aside = not reach <= places[0, 0] <= room - reach
    return End(float(times[0]), place, speed, doubt, float(np.median(places[:, 3])), track.looks[int(last)], aside)


def _speed(since: F64, at: F64, height: float) -> tuple[F64, float]:
    """(2,) least-squares speed, drawn towards rest as far as it is uncertain, and its deviation."""
    centred = since - since.mean()
    weight = float((centred**2).sum())
    noise, before = (SEEN[0] * height) ** 2, (0.8 * height) ** 2
    speed = (centred[:, None] * at).sum(axis=0) / (weight + noise / before)
    variance = 1 / (weight / noise + 1 / before)
    return speed, float(variance**0.5)


def worth(first: End, second: End, room: float, alike: float) -> float:
    """Logarithm of how much likelier `second` is who was at `first` than somebody else; both in one shot."""
    gap: float = second.seconds - first.seconds
    height = exp((first.log_height + second.log_height) / 2)
    missed = second.place - first.place - gap * (first.speed + second.speed) / 2
    doubt = gap**2 * (first.doubt**2 + second.doubt**2) / 4
    wandered = float(2 * SEEN[0] ** 2 + ACCELERATION[0] ** 2 * gap**3 / 12)
    variance = height**2 * wandered + doubt
    place = log(room / (2 * pi * variance)) + float(tail((missed**2).sum() / variance, 2))
    ratio = (first.log_height - second.log_height) ** 2 / 2
    size = log(SIZE_RANGE / SIZE_DEVIATION) - ratio / SIZE_DEVIATION**2 + ratio / SIZE_RANGE**2
    prior = PRIOR + RETURN * (first.aside + second.aside) - gap / PATIENCE_S
    return place + size + alike + prior


def stitched(tracks: Sequence[Tracklet], room: float) -> list[list[Tracklet]]:
    """The tracklets of one shot by person, each in order of time."""
    order = sorted(undoubled(tracks), key=lambda track: (track.times[0], track.rows[0]))
    begins, ends = [end_of(t, False, room) for t in order], [end_of(t, True, room) for t in order]
    found = sorted(_pairs(begins, ends, room), key=lambda pair: (-pair[0], pair[1], pair[2]))
    after: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in found:
        if one not in after and other not in taken:
            after[one] = other
            taken.add(other)
    return [[order[i] for i in _chain(start, after)] for start in range(len(order)) if start not in taken]


def _chain(start: int, after: dict[int, int]) -> Iterator[int]:
    yield start
    while start in after:
        start = after[start]
        yield start


def _pairs(begins: Sequence[End], ends: Sequence[End], room: float) -> Iterator[tuple[float, int, int]]:
    """(worth, earlier, later) of all pairs that may be one person."""
    starts = np.array([begin.seconds for begin in begins])
    for one, end in enumerate(ends):
        near = range(*np.searchsorted(starts, (end.seconds, end.seconds + GAP_S), side="right").tolist())
        if not near:
            continue
        alike = likeness(end.look[None], np.stack([begins[k].look for k in near]))[0]
        for other, same in zip(near, alike.tolist(), strict=True):
            value = worth(end, begins[other], room, same)
            if value > 0 and other != one:
                yield value, one, other
