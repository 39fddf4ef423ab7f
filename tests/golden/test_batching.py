"""Every model that is shared between requests answers the same for an input, whatever it shares the run with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.models.library import Library
from pipeline.models.manifest import read_manifest

pytestmark = [pytest.mark.slow, pytest.mark.weights]

FREE = 160
"""Pixels of free sides: a multiple of all strides."""
TOLERANCE = 1e-4
"""Of the largest output, for sums of float32 in another order; all but two models answer the same bits, those two differ by 1e-6."""


@pytest.fixture(scope="module")
def models(models_dir: Path) -> Library:
    return Library(models_dir, threads=2)


def drawn(shape: tuple[int | str | None, ...], whole: bool, random: np.random.Generator) -> NDArray[Any]:
    sides = [1, *(side if isinstance(side, int) else FREE for side in shape[1:])]
    return random.integers(0, 256, sides, np.uint8) if whole else random.random(sides, np.float32)


@pytest.mark.parametrize(
    "name",
    [name for name, entry in read_manifest().items() if entry.default and entry.task != "shot boundary detection"],
)
def test_a_shared_run_answers_what_a_run_alone_does(models: Library, name: str) -> None:
    session, random = models.load(name), np.random.default_rng(7)
    if any(isinstance(shape[0], int) for shape in (*session.inputs.values(), *session.outputs.values())):
        pytest.skip("its first dimension is fixed: its runs are not shared")
    whole = "uint8" in read_manifest()[name].layout
    given = [{key: drawn(shape, whole, random) for key, shape in session.inputs.items()} for _ in range(3)]
    alone = [session.run(one) for one in given]
    shared = session.run({key: np.concatenate([one[key] for one in given]) for key in session.inputs})
    for number, whole in enumerate(shared):
        part = len(whole) // len(given)
        for place, one in enumerate(alone):
            found = whole[place * part : (place + 1) * part]
            assert found.shape == one[number].shape
            bound = TOLERANCE * max(1.0, float(np.abs(one[number]).max()))
            np.testing.assert_allclose(found, one[number], rtol=0, atol=bound)
