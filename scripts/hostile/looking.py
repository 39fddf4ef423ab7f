"""A child that looks at hostile files as a worker's child does, under its limits, from the probe to the answer's wire form.

Started as `python -m scripts.hostile.looking`; one JSON object a line in, one out.
"""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from api.protocol import model, wire
from api.protocol.validate import violations
from pipeline import logs
from pipeline.analyze import analyze
from pipeline.catalog import OPERATIONS
from pipeline.conduct.facts import media_of, media_values, pack_index, unpack_index, video_metadata
from pipeline.conduct.limits import decode_limits
from pipeline.errors import JobFailed, RequestError
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.audio import heard
from pipeline.media.limits import DecodeLimits
from pipeline.media.probe import probe
from pipeline.media.reader import read
from pipeline.media.types import FrameIndex, MediaInfo, Stretch
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.settings import Settings

MOST_S = 30
"""Seconds for frames that no analysis asks for."""
SERVICES = cast("Services", SimpleNamespace(objects=None))
"""Images of the request itself are looked at without any."""


def main() -> None:
    """Answers until the input ends."""
    from workers.app import _limit_child, models, settings

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print is no answer
    logs.configure("ERROR", "json")
    _limit_child()
    for line in sys.stdin:
        answers.write(json.dumps(looked_at(settings, models(), json.loads(line))) + "\n")
        answers.flush()


def looked_at(settings: Settings, models: Models, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Outcome, message and seconds of one file: SUCCEEDED, FAILED, memory (a worker tries again), or broke (a fault of ours)."""
    begun, path = time.monotonic(), Path(wanted["path"])
    try:
        look = _picture if wanted["picture"] else _video
        look(settings, models, path, wanted["operations"])
        outcome, message = "SUCCEEDED", ""
    except RequestError as error:
        outcome, message = error.code, error.message
    except JobFailed as error:
        outcome, message = "FAILED", str(error)
    except MemoryError as error:
        outcome, message = "memory", str(error)
    except Exception as error:  # what a worker would log and try again
        import traceback

        outcome, message = "broke", "".join(traceback.format_exception(error))[-3000:]
    return {"outcome": outcome, "message": message, "seconds": time.monotonic() - begun}


def _video(settings: Settings, models: Models, path: Path, operations: Sequence[str]) -> None:
    limits = decode_limits(settings)
    media, index = probe(path, limits)
    # What planning keeps of it.
    assert media_of(json.loads(json.dumps(media_values(media)))) == media
    assert (unpack_index(pack_index(index)).pts == index.pts).all()
    wire.dumps(model.service().shape_for("VideoMetadata"), video_metadata(media))
    _decode_all(path, media, index, limits)
    requests = {name: OPERATIONS[name].minimal for name in operations}
    report = analyze(path, requests, models, limits=limits, chunk_s=settings.chunk_s)
    for name, answer in report.answers.items():
        _check(f"Get{name}", answer)


def _decode_all(path: Path, media: MediaInfo, index: FrameIndex, limits: DecodeLimits) -> None:
    """Every frame and all the sound, whatever the analyses sample, until it has taken long enough."""
    deadline = time.monotonic() + MOST_S
    for frame in read(path, media, index, Stretch(0, len(index.pts)), None, limits):
        assert frame.rgb(48, 27).shape == (27, 48, 3)
        assert frame.luma().ndim == 2
        if time.monotonic() > deadline:
            return
    for samples in heard(path, media, index, Fraction(0), Fraction(media.duration_ms, 1000), limits):
        assert samples.values.ndim == 2
        if time.monotonic() > deadline:
            return


def _picture(_: Settings, models: Models, path: Path, operations: Sequence[str]) -> None:
    for name in operations:
        call = Call(SERVICES, models, "111122223333", {}, {"Image": path.read_bytes()})
        _check(name, load(name)(call))


def _check(operation: str, answer: Mapping[str, Any]) -> None:
    """Passes where the answer can be sent and keeps what the model promises of it."""
    shape = model.operations()[operation].output_shape
    assert shape is not None
    wire.dumps(shape, answer)
    if wrong := [str(one) for one in violations(shape, answer)]:
        raise AssertionError(f"{operation} answers what its model forbids: {wrong[:3]}")


if __name__ == "__main__":
    main()
