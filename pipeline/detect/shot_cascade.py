"""Cheap evidence of shot transitions on 48×27 thumbnails: settles what is evident, picks what the learned detector must see.

Everything here is a function of a window of consecutive thumbnails; "boundary t" lies between frames t and t+1.
Thresholds are in 8-bit levels of a mean over all pixels and channels unless said. They were chosen on sequences composed from clips
and photos (cuts, dissolves, fades, cards on black, flashes, light changes, pans) that are not those accuracy is measured on; after a
first look at the mistakes on the latter, CLEAR_*, PEAK_* and BLACK_LEVEL were revised, for the reasons given beside them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.media.types import F32, U8

Flags = NDArray[np.bool_]
I16 = NDArray[np.int16]

SIDES = (0, 2, 4)
"""Frames before and after a boundary that are compared with one another."""
CLEAR_CHANGE, CLEAR_RATIO, CLEAR_CORRELATION, CLEAR_AREA = 20.0, 1.5, 0.9, 1 / 3
"""A change of light keeps the correlation near 1; overlays such as lower thirds cover up to a third of the picture."""
MOVED_ROWS, MOVED_COLUMNS = 2, 4
"""How far a picture may have been moved, in pixels of 13×24."""
DOUBTFUL_CHANGE, DOUBTFUL_RATIO = 4.0, 1.25
KEPT_CHANGE, KEPT_AREA, KEPT_TEXTURE = 2.0, 0.5, 10.0
PEAK_CHANGE, PEAK_RATIO, PEAK_REACH = 8.0, 1.5, 3
"""A step from one frame to the next that stands out among its neighbours, as between a still and a moving picture."""
GRADUAL_REACHES, GRADUAL_CHANGE, GRADUAL_RATIO, GRADUAL_FRAMES = (4, 8), 8.0, 0.3, 4
"""A blend keeps each frame near the mean of its neighbours at a distance, motion does not, or not for several frames."""
EDGE_CHANGE, EDGE_RATIO = 0.8, 2.5
BLACK_LEVEL, BLACK_SPREAD = 5.0, 12.0
"""A black thumbnail: median luma, 2 % of the range, and how far its fourth brightest pixel lies above."""
FADE_REACH, FADE_STEP, FADE_CHANGE = 20, 0.25, 4.0
SAME_REACHES, SAME_CHANGE = (4, 6, 8, 10, 12), 3.0
SAME_LIGHT = 5.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the thumbnails of a window say, per boundary or frame (N,).

    Attributes:
        clear: A hard cut beyond doubt.
        doubtful: Something that the learned detector should judge.
        sharp: Those of the doubtful boundaries where nothing but one step from frame to frame is in doubt.
        fades: Frames of fades to or from black.
        fade_cuts: The boundary at the black end of each fade.
        ramps: Frames whose change the black before or behind them explains; the fades, and brightening too slow for one.
        black: Frames that show nothing.
    """

    clear: Flags
    doubtful: Flags
    sharp: Flags
    fades: Flags
    fade_cuts: Flags
    ramps: Flags
    black: Flags


def evidence(thumbnails: U8) -> Evidence:
    """Evidence of a window (N, 27, 48, 3) of RGB thumbnails."""
    small = pooled(thumbnails)
    luma = gray(small)
    cross, within = sides(small)
    black = black_frames(luma)
    edge = black_edges(luma, black) & (cross >= EDGE_CHANGE) & (cross >= EDGE_RATIO * within)
    peak = peaks(distance(small, 1))
    clear = edge | clear_cuts(small, luma, cross, peak & (cross >= CLEAR_RATIO * within))
    fades, fade_cuts, ramps = black_fades(luma, black, edge)
    step = peak | (cross >= DOUBTFUL_CHANGE) & (cross >= DOUBTFUL_RATIO * within)
    doubtful = step & ~overlays(small, luma, step)
    blends = middles(gradual(thumbnails.astype(np.int16)) & ~ramps, luma)
    doubtful = (doubtful | blends) & ~clear & ~ramps & ~fade_cuts
    return Evidence(clear, doubtful, doubtful & peak & ~blends, fades, fade_cuts, ramps, black)


def pooled(thumbnails: U8) -> I16:
    """(N, 13, 24, 3) means of 2×2 pixels; half the noise, a quarter of the work."""
    rows = np.add(thumbnails[:, 0:26:2], thumbnails[:, 1:26:2], dtype=np.int16)
    small = np.empty((len(rows), 13, 24, 3), np.int16)
    for channel in range(3):  # one at a time: loops over three values are slow
        plane = rows[..., channel]
        small[..., channel] = (plane[:, :, ::2] + plane[:, :, 1::2] + 2) >> 2
    return small


def gray(small: I16) -> F32:
    """(N, 13, 24) means of the three channels."""
    total: F32 = (small[..., 0] + small[..., 1] + small[..., 2]).astype(np.float32)
    return total / np.float32(3)


def distance(small: I16, lag: int) -> F32:
    """(N,) mean absolute difference between frames t and t + lag; the last frame stands for all behind it."""
    flat = small.reshape(len(small), -1)
    pairs = max(len(flat) - lag, 0)
    return sizes(np.concatenate((flat[lag:] - flat[:pairs], flat[pairs:] - flat[-1])))


def sizes(change: I16) -> F32:
    """(N,) mean absolute values of the rows (N, K); destroys them."""
    total = np.abs(change, out=change).sum(axis=1, dtype=np.int32)
    found: F32 = total.astype(np.float32) / np.float32(change.shape[1])
    return found


def shifted(values: F32, by: int) -> F32:
    """values[t + by]; the ends stand for what lies beyond."""
    return values[np.clip(np.arange(len(values)) + by, 0, len(values) - 1)]


def sides(small: I16) -> tuple[F32, F32]:
    """Least change across each boundary, and greatest change on either side of it."""
    lags = {lag: distance(small, lag) for lag in (1, 2, 3, 4, 5, 7, 9)}
    cross = np.min([shifted(lags[a + b + 1], -a) for a in SIDES for b in SIDES], axis=0)
    spans = ((2, -2), (4, -4), (2, -4), (2, 1), (4, 1), (2, 3))
    within = np.max([shifted(lags[lag], start) for lag, start in spans], axis=0)
    return cross, within


def peaks(step: F32) -> Flags:
    """Boundaries whose step (N,) from frame to frame stands out among its neighbours."""
    around = [shifted(step, k) for k in range(-PEAK_REACH, PEAK_REACH + 1) if k]
    found: Flags = (step >= PEAK_CHANGE) & (step >= PEAK_RATIO * np.max(around, axis=0))
    return found


def clear_cuts(small: I16, luma: F32, cross: F32, steady: Flags) -> Flags:
    """Boundaries between altogether different pictures, not between two lights, an overlay and none, or two places of one picture."""
    clear: Flags = steady & (cross >= CLEAR_CHANGE)
    clear[-1] = False
    for t in np.flatnonzero(clear):
        changed = np.abs(small[t] - small[t + 1]).mean(axis=2) > 10
        clear[t] = changed.mean() >= CLEAR_AREA and likeness(luma[t], luma[t + 1]) <= CLEAR_CORRELATION
    return clear


def overlays(small: I16, luma: F32, steps: Flags) -> Flags:
    """Those of the boundaries across which half of a textured picture stays as it was; no cut leaves it so."""
    found = np.zeros(len(steps), bool)
    for t in np.flatnonzero(steps[:-1]):
        kept = np.abs(small[t] - small[t + 1]).mean(axis=2) <= KEPT_CHANGE
        found[t] = kept.mean() >= KEPT_AREA and luma[t][kept].std() >= KEPT_TEXTURE
    return found


def likeness(a: F32, b: F32) -> float:
    """Greatest correlation of two pictures when one is moved a little, as a bump of the camera moves it."""
    here = a.astype(np.float64)
    places, inside = moved(b.astype(np.float64)), moved(np.ones_like(here))
    count = inside.sum(axis=1)
    mean_a, mean_b = inside @ here.ravel() / count, places.sum(axis=1) / count
    both = places @ here.ravel() - count * mean_a * mean_b
    spread_a = inside @ (here * here).ravel() - count * mean_a**2
    spread_b = np.einsum("ij,ij->i", places, places) - count * mean_b**2
    found = both / (np.sqrt(np.maximum(spread_a * spread_b, 0)) + 1e-3)
    return max(0.0, float(found.max()))


def moved(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """(45, 312): the picture in every place it may have been moved to, 0 where it then shows nothing."""
    padded = np.pad(picture, ((MOVED_ROWS, MOVED_ROWS), (MOVED_COLUMNS, MOVED_COLUMNS)))
    return np.ascontiguousarray(sliding_window_view(padded, picture.shape)).reshape(-1, picture.size)


def gradual(thumbnails: I16) -> Flags:
    """Frames that look like the blend of those before and behind; at full size, where motion shows sooner."""
    found = np.zeros(len(thumbnails), bool)
    for reach in GRADUAL_REACHES:
        change = distance(thumbnails, 2 * reach)[: -2 * reach]
        early = np.flatnonzero(change >= GRADUAL_CHANGE)
        first, middle, last = (thumbnails[early + k] for k in (0, reach, 2 * reach))
        bend = np.abs(2 * middle - first - last).mean(axis=(1, 2, 3), dtype=np.float32) / 2
        found[early[bend <= GRADUAL_RATIO * change[early]] + reach] = True
    return found


def middles(flags: Flags, luma: F32) -> Flags:
    """The middle third of every stretch of true values, unless it is too short or only moves one picture."""
    steps = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    kept = np.zeros(len(flags), bool)
    for start, stop in zip(steps[::2], steps[1::2], strict=True):
        third = (stop - start) // 3
        if stop - start >= GRADUAL_FRAMES and not _moves(luma, (start + third, (start + stop) // 2, stop - 1 - third)):
            kept[start + third : stop - third] = True
    return kept


def _moves(luma: F32, frames: tuple[int, ...]) -> bool:
    """Whether at all these frames the pictures before and behind are one picture in two places, equally bright."""
    reach, last = max(GRADUAL_REACHES), len(luma) - 1
    pairs = [(luma[max(t - reach, 0)], luma[min(t + reach, last)]) for t in frames]
    return all(abs(a.mean() - b.mean()) < SAME_LIGHT and likeness(a, b) > CLEAR_CORRELATION for a, b in pairs)


def black_frames(luma: F32) -> Flags:
    """Frames whose thumbnail shows nothing."""
    flat = luma.reshape(len(luma), -1)
    middle = np.median(flat, axis=1)
    top = np.partition(flat, -4, axis=1)[:, -4]
    return (middle <= BLACK_LEVEL) & (top - middle <= BLACK_SPREAD)


def black_edges(luma: F32, black: Flags) -> Flags:
    """Boundaries with black on exactly one side."""
    edges: Flags = black != np.append(black[1:], black[-1])
    return edges


def black_fades(luma: F32, black: Flags, cuts: Flags) -> tuple[Flags, Flags, Flags]:
    """Frames of fades, the boundary at the black end of each, and all ramps; a ramp longer than the reach is a scene that brightens."""
    level = luma.mean(axis=(1, 2))
    fades, ends, ramps = (np.zeros(len(black), bool) for _ in range(3))
    for t in np.flatnonzero(black_edges(luma, black) & ~cuts):
        step = 1 if black[t] else -1
        first = int(t) + 1 if black[t] else int(t)
        length = _ramp(level, first, step)
        if length < 0:
            continue
        ends[t] = True
        ramp = np.clip(first + step * np.arange(length), 0, len(black) - 1)
        ramps[ramp] = True
        fades[ramp] |= length < FADE_REACH
    return fades, ends, ramps


def _ramp(level: F32, first: int, step: int) -> int:
    """Frames over which the level rises steadily away from black; -1 where it is no fade."""
    away = level[first::step] if step > 0 else level[first::-1]
    black = level[max(first - step, 0)] if first - step < len(level) else level[first]
    length = 0
    while length < min(FADE_REACH, len(away) - 2) and _rises(away[length : length + 3]):
        length += 1
    return length if len(away) and away[length] - black >= FADE_CHANGE else -1


def _rises(level: F32) -> bool:
    """Whether the level of the first of three frames is left behind by the next, or by the one after a repeated frame."""
    return bool(level[1] >= level[0] + FADE_STEP or level[2] >= level[0] + 2 * FADE_STEP)


def returns(small: I16, t: int) -> bool:
    """Whether the picture after boundary t is soon the one before it again, as after a flash."""
    last = len(small) - 1
    pairs = ((max(t - k, 0), min(t + 1 + k, last)) for k in SAME_REACHES)
    return min(float(np.abs(small[a] - small[b]).mean()) for a, b in pairs) < SAME_CHANGE
