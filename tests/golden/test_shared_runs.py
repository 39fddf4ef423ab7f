"""Every model that is shared between requests answers the same for an input, whatever it shares the run with."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.models.batching import BatchedModels, BatchedSession, Crowd, Inputs, Outputs, Shaped
from pipeline.models.binding import Bindings
from pipeline.models.library import Library
from pipeline.models.manifest import read_manifest
from pipeline.models.types import Models
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.sns_installation import WakeUps

pytestmark = [pytest.mark.slow, pytest.mark.weights]

FREE = 160
"""Pixels of free sides: a multiple of all strides."""
TOLERANCE = 1e-4
"""Of the largest output, for sums of float32 in another order; all but two models answer the same bits, those two differ by 1e-6."""

NAMES = [name for name, entry in read_manifest().items() if entry.default and entry.task != "shot boundary detection"]


@pytest.fixture(scope="module")
def models(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


def drawn(shape: tuple[int | str | None, ...], whole: bool, random: np.random.Generator) -> NDArray[Any]:
    sides = [1, *(side if isinstance(side, int) else FREE for side in shape[1:])]
    return random.integers(0, 256, sides, np.uint8) if whole else random.random(sides, np.float32)


def several(session: Shaped, name: str) -> list[Inputs]:
    """Three inputs of one shape."""
    random, whole = np.random.default_rng(7), "uint8" in read_manifest()[name].layout
    return [{key: drawn(shape, whole, random) for key, shape in session.inputs.items()} for _ in range(3)]


@pytest.mark.parametrize("name", NAMES)
def test_a_shared_run_answers_what_a_run_alone_does(models: Library, name: str) -> None:
    session = models.load(name)
    given = several(session, name)
    alone = [session.run(one) for one in given]
    if any(isinstance(shape[0], int) for shape in (*session.inputs.values(), *session.outputs.values())):
        assert_runs_are_not_shared(session, given, alone)
        return
    shared = session.run({key: np.concatenate([one[key] for one in given]) for key in session.inputs})
    for number, whole in enumerate(shared):
        part = len(whole) // len(given)
        for place, one in enumerate(alone):
            found = whole[place * part : (place + 1) * part]
            assert found.shape == one[number].shape
            bound = TOLERANCE * max(1.0, float(np.abs(one[number]).max()))
            np.testing.assert_allclose(found, one[number], rtol=0, atol=bound)


@pytest.mark.parametrize("name", NAMES[::3])
def test_a_run_with_bound_inputs_answers_what_a_plain_one_does(models: Library, name: str) -> None:
    """What runs on a GPU do, here on the CPU; several threads at once."""
    session = models.load(name)
    given = several(session, name)
    plain = [session.run(one) for one in given]
    bindings = Bindings(session._session, "cpu")
    with ThreadPoolExecutor(len(given)) as pool:
        for found, expected in zip(pool.map(bindings.run, given), plain, strict=True):
            assert all(map(np.array_equal, found, expected))


def assert_runs_are_not_shared(session: Shaped, given: Sequence[Inputs], alone: Sequence[Outputs]) -> None:
    """Of a model whose first dimension is fixed."""
    crowd = Crowd(gather_s=0.05)
    batched = BatchedSession(session, crowd)

    def beside(inputs: Inputs) -> Outputs:
        with crowd.request():
            return batched.run(inputs)

    with ThreadPoolExecutor(len(given)) as pool:
        for found, expected in zip(pool.map(beside, given), alone, strict=True):
            assert all(map(np.array_equal, found, expected))
    assert batched.runs == len(given)


def test_requests_side_by_side_share_runs_and_are_answered_as_alone(
    models: Library, media: Path, tmp_path: Path
) -> None:
    services = Services.from_settings(Settings(data_dir=tmp_path), WakeUps())
    folder = media / "images/identity"
    photos = [(folder / f"azure_Family1-{who}.jpg").read_bytes() for who in ("Dad1", "Dad2", "Mom1", "Son1")]
    detect = load("DetectFaces")
    shared = BatchedModels(models.load, models.has, Crowd(gather_s=0.05))

    def asked(content: bytes, with_models: Models) -> dict[str, Any]:
        return detect(Call(services, with_models, "1", {"Attributes": ["ALL"]}, {"Image": content}))

    def beside(content: bytes) -> dict[str, Any]:
        with shared.crowd.request():
            return asked(content, shared)

    alone = [asked(photo, models) for photo in photos]
    for photo in photos:
        beside(photo)
    one_by_one = dict(shared.runs())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(beside, photos))
    together = {name: runs - one_by_one[name] for name, runs in shared.runs().items()}
    assert [len(one["FaceDetails"]) for one in found] == [len(one["FaceDetails"]) for one in alone]
    for got, expected in zip(found, alone, strict=True):
        assert flat(got) == pytest.approx(flat(expected), abs=0.01)
    assert sum(together.values()) < sum(one_by_one.values())
    services.close()


def flat(value: Any) -> list[float]:
    """All numbers of an answer, in order."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])]
    if isinstance(value, list):
        return [number for item in value for number in flat(item)]
    return [float(value)] if isinstance(value, int | float) else []
