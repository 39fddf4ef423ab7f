"""Analyses of one clip, through the media loop and the aggregator, without any service."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline import analyses
from pipeline.aggregate.feed import feed
from pipeline.aggregate.types import Galleries, NoGalleries, Record
from pipeline.analyses.types import Analysis, Stage
from pipeline.detect.columns import pack, unpack
from pipeline.media.probe import probe
from pipeline.media.types import Stretch
from pipeline.models.types import Models
from pipeline.run import run

NOBODY = NoGalleries()


def answered(
    path: Path,
    analysis: Analysis,
    parameters: Mapping[str, Any],
    models: Models,
    cuts: int = 1,
    galleries: Galleries = NOBODY,
) -> list[Record]:
    """The records of a clip that is analysed in `cuts` stretches."""
    media, index = probe(path)
    borders = [len(index.pts) * k // cuts for k in range(1, cuts)]
    found = detected(path, analysis.stages([parameters], models), borders)
    return list(feed(analysis.aggregator(parameters, media, index, galleries), index, media, found))


def detected(path: Path, stages: Sequence[Stage], borders: Sequence[int] = ()) -> dict[str, list[tuple[int, Any]]]:
    """What the stages find in one pass over a clip that is cut before the frames `borders`; kept as a job keeps it."""
    media, index = probe(path)
    found: dict[str, list[tuple[int, Any]]] = {}
    for start, stop in pairwise([0, *borders, len(index.pts)]):
        for key, result in run(path, media, index, Stretch(start, stop), stages, lambda _: None).items():
            assert result.error is None
            found.setdefault(key, []).extend(unpack(pack(result.found)))
    return found


def concluded(
    path: Path,
    name: str,
    parameters: Mapping[str, Any],
    keys: Iterable[str],
    found: Mapping[str, Sequence[tuple[int, Any]]],
    galleries: Galleries = NOBODY,
) -> tuple[list[Record], Mapping[str, Any]]:
    """The records of an operation, in all their views, and what its answer says beside them.

    Args:
        path: The clip.
        name: The operation.
        parameters: The request's own members.
        keys: Those of the operation's stages.
        found: What `detected` found.
        galleries: Known faces.
    """
    media, index = probe(path)
    aggregator = analyses.load(name).aggregator(parameters, media, index, galleries)
    records = list(feed(aggregator, index, media, {key: found[key] for key in keys}))
    return records, aggregator.summary()
