"""One analysis of one clip, through the media loop and the aggregator, without any service."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline.aggregate.feed import feed
from pipeline.aggregate.types import Galleries, NoGalleries, Record
from pipeline.analyses.types import Analysis
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
    limits = [len(index.pts) * k // cuts for k in range(cuts + 1)]
    found: dict[str, list[tuple[int, Any]]] = {}
    for start, stop in pairwise(limits):
        results = run(path, media, index, Stretch(start, stop), analysis.stages([parameters], models), lambda _: None)
        for key, result in results.items():
            assert result.error is None
            found.setdefault(key, []).extend(result.found)
    return list(feed(analysis.aggregator(parameters, media, index, galleries), index, media, found))
