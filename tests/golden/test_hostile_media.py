"""Some mutated media files, always the same: what `scripts/fuzz_media.py` makes by the thousand, in a child under a worker's limits."""

from contextlib import closing
from pathlib import Path

import pytest

from scripts.hostile import clips
from scripts.hostile.mutations import mutated
from scripts.hostile.outcomes import Record
from scripts.hostile.pool import Child

pytestmark = [pytest.mark.slow, pytest.mark.weights, pytest.mark.timeout(240)]
FILES = 60


def test_no_mutated_file_ends_or_confuses_a_worker(
    tmp_path: Path, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REELSIGHT_MODELS_DIR", str(models_dir))
    seeds, record = clips.made(tmp_path), Record(tmp_path / "offenders")
    (tmp_path / "child").mkdir()
    with closing(Child(tmp_path / "child")) as child:
        for number in range(FILES):
            case = mutated(seeds, "test", number)
            record.add(child.look(case, ["DetectFaces" if case.is_picture else "FaceDetection"]), case)
    assert not record.offenders
    outcomes = {finding.outcome for finding in record.findings}
    assert {"SUCCEEDED", "FAILED", "InvalidImageFormatException"} <= outcomes
