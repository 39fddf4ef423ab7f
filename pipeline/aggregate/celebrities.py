"""Celebrities over time: GetCelebrityRecognition's items.

Every person in the video is compared once, by the mean embedding of all their faces, with the photos of the operator's gallery; the photo
that resembles them most says who they are. The confidence is the similarity of the two. The box of a celebrity is that of the face.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.aggregate.faces import face_detail
from pipeline.aggregate.sightings import Sighting, Sightings, recognised
from pipeline.aggregate.similarity import least_cosine, similarity
from pipeline.aggregate.types import Gallery, Match, Record
from pipeline.media.types import Timestamp

LEAST = 95.0
"""Least confidence; stricter than a search for faces, because a whole gallery of strangers is compared with everybody in the video."""
NOBODY_KNOWN = "The gallery of celebrities is empty; fill it with: reelsight celebrities import PATH"


class CelebrityTimeline:
    """One item per face and sample of those who are known; out when the video is over.

    Args:
        sightings: Collects the faces.
        gallery: Photos of celebrities; None: there are none.
    """

    def __init__(self, sightings: Sightings, gallery: Gallery | None) -> None:
        self._sightings = sightings
        self._gallery = gallery

    def add(self, index: int, timestamp: Timestamp, found: Mapping[str, Any]) -> Iterator[Record]:
        """Nothing yet."""
        del index
        self._sightings.add(timestamp, found)
        return iter(())

    def finish(self, end: Timestamp) -> Iterator[Record]:
        """All items in the order of time."""
        del end
        if self._gallery is None:
            return
        people = self._sightings.people()
        known = recognised(people, self._gallery, least_cosine(LEAST), limit=1)
        for sighting in self._sightings.of(people):
            if sighting.person in known:
                yield _record(sighting, known[sighting.person][0])

    def summary(self) -> Mapping[str, Any]:
        """Advice where the gallery is empty."""
        return {"StatusMessage": NOBODY_KNOWN} if self._gallery is None else {}


def _record(sighting: Sighting, match: Match) -> Record:
    face, confidence = face_detail(sighting.face, 0), similarity(match.cosine)
    found = {"Confidence": confidence, "BoundingBox": face["BoundingBox"], "Face": face}
    body = {"Timestamp": sighting.millis, "Celebrity": {**match.face, **found}}
    return Record(body, sighting.millis, str(match.face["Id"]), confidence, sighting.person)
