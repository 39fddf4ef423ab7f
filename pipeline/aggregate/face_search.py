"""People over time, matched against a collection: GetFaceSearch's items.

Every person is searched once, by the mean embedding of all their faces in the video, weighted with the faces' quality: somebody who turns
away for a moment stays matched, and the same matches stand beside every face of theirs. The box of a person is that of the face.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.aggregate.faces import face_detail
from pipeline.aggregate.sightings import Sighting, Sightings, recognised
from pipeline.aggregate.similarity import DEFAULT, least_cosine, similarity
from pipeline.aggregate.types import Gallery, Match, Record
from pipeline.media.types import Timestamp

MATCHES = 10
"""Matching faces per person, at most."""


class FaceSearchTimeline:
    """One item per face and sample; known when the video is over.

    Args:
        sightings: Collects the faces.
        gallery: The collection; None: nobody is searched for.
        least: Least similarity of a match, 0 to 100.
    """

    def __init__(self, sightings: Sightings, gallery: Gallery | None, least: float = DEFAULT) -> None:
        self._sightings = sightings
        self._gallery = gallery
        self._least = least_cosine(least)

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """Nothing yet."""
        del index
        self._sightings.add(timestamp, found)
        return iter(())

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """All items in the order of time."""
        del end
        people = self._sightings.people()
        matches = recognised(people, self._gallery, self._least, MATCHES) if self._gallery else {}
        shown = {person: _shown(found) for person, found in matches.items()}
        for sighting in self._sightings.of(people):
            yield _record(sighting, shown.get(sighting.person, ()))

    def summary(self) -> Mapping[str, Any]:
        """Nothing beside the items."""
        return {}


def _shown(matches: Sequence[Match]) -> list[dict[str, Any]]:
    return [{"Similarity": similarity(match.cosine), "Face": match.face} for match in matches]


def _record(sighting: Sighting, matches: Sequence[Mapping[str, Any]]) -> Record:
    face = face_detail(sighting.face, 0)
    person = {"Index": sighting.person, "BoundingBox": face["BoundingBox"], "Face": face}
    body = {"Timestamp": sighting.millis, "Person": person}
    return Record(
        body | {"FaceMatches": matches} if matches else body,
        sighting.millis,
        confidence=face["Confidence"],
        index=sighting.person,
    )
