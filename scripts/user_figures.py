#!/usr/bin/env python3
"""What users are good for: photos compared with single faces, with the nearest of several faces, and with the user of these faces.

Prints, per number of faces, the share of photos of the same person that are missed and of photos of others that match at thresholds, and
the mean and standard deviation of the likenesses. Photos and who they show: `truth/identities.json` of the folder.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.aggregate.similarity import least_cosine
from pipeline.errors import RequestError
from pipeline.faces.users import likeness
from pipeline.images.decode import frame_of
from pipeline.images.faces import embedded, found, rows_of, trusted
from pipeline.media.types import F32
from pipeline.models.library import Library
from pipeline.settings import Settings
from scripts.metrics import truth

THRESHOLDS = (75, 80, 95, 99)
FACES = (2, 3, 5, 9)
DRAWS = 60
"""Choices of a person's faces that make a user."""


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=Path, required=True, metavar="DIR")
    people = list(embeddings_of(parser.parse_args().media).values())
    show("two faces", *singles(people))
    for count in FACES:
        for name, genuine, strange in compared(people, count):
            show(f"{count} faces, {name}", genuine, strange)


def embeddings_of(folder: Path) -> dict[str, F32]:
    """Name -> (N, D) embeddings of the largest face in every photo of a person."""
    models = Library(Settings().models_path)
    known = truth(folder, "identities") or {}
    every = {
        name: [vector for file in files if (vector := _embedding(models, folder / file)) is not None]
        for name, files in known["single_person_images"].items()
    }
    return {name: np.stack(vectors) for name, vectors in every.items() if vectors}


def singles(people: Sequence[F32]) -> tuple[list[float], list[float]]:
    """Cosines of two photos of one person, and of two people."""
    genuine = [float(one @ other) for own in people for one, other in combinations(own, 2)]
    strange = [float(cosine) for one, other in combinations(people, 2) for cosine in (one @ other.T).ravel()]
    return genuine, strange


def compared(people: Sequence[F32], count: int) -> Iterator[tuple[str, list[float], list[float]]]:
    """Likenesses to so many faces of photos of the same person, and of others, in three ways."""
    random = np.random.default_rng(0)
    ways = ("the nearest", "normalised mean", "user")
    genuine: dict[str, list[float]] = {name: [] for name in ways}
    strange: dict[str, list[float]] = {name: [] for name in ways}
    for number, own in enumerate(people):
        others = np.concatenate([them for other, them in enumerate(people) if other != number])
        for _ in range(DRAWS if len(own) > count else 0):
            order = random.permutation(len(own))
            faces, left = own[order[:count]], own[order[count:]]
            for kept, probes in ((genuine, left), (strange, others)):
                for name, values in zip(ways, _likenesses(faces, probes), strict=True):
                    kept[name] += values
    return ((name, genuine[name], strange[name]) for name in ways)


def show(name: str, genuine: Sequence[float], strange: Sequence[float]) -> None:
    """Prints a row."""
    rates = (
        f"{least}: {np.mean(np.array(genuine) < least_cosine(least)):7.3%} {np.mean(np.array(strange) >= least_cosine(least)):7.4%}"
        for least in THRESHOLDS
    )
    law = f"same {np.mean(genuine):.3f} ± {np.std(genuine):.3f}, others {np.mean(strange):.3f} ± {np.std(strange):.3f}"
    print(f"{name:26} {len(genuine):5} {len(strange):6}  {law}  missed and false at {'  '.join(rates)}")


def _likenesses(faces: F32, probes: F32) -> Iterator[list[float]]:
    """Per way, those of the probes."""
    mean = faces.astype(np.float64).mean(axis=0)
    length = float(np.linalg.norm(mean))
    cosines = probes @ mean / length
    yield (probes @ faces.T).max(axis=1).tolist()
    yield cosines.tolist()
    yield [likeness(cosine, length) for cosine in cosines]


def _embedding(models: Library, photo: Path) -> F32 | None:
    """(D,); None: there is no face that can be known."""
    try:
        frame = frame_of(photo.read_bytes(), photo.name)
    except (OSError, RequestError) as error:
        print(f"left out: {photo}: {error}", file=sys.stderr)
        return None
    there = found(models, frame)
    rows = np.flatnonzero(trusted(frame, there)[0] > 0)[:1]
    return embedded(models, frame, rows_of(there, rows))[0] if len(rows) else None


if __name__ == "__main__":
    main()
