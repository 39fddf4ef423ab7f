"""docs/models.md against the manifest it describes."""

from pipeline.models.manifest import read_manifest
from scripts import models_table


def test_the_page_lists_the_models_of_today() -> None:
    present = models_table.PAGE.read_text(encoding="utf-8")
    assert models_table.page(present) == present, "run scripts/models_table.py --write"


def test_every_model_has_a_row_with_its_hashes() -> None:
    rows = models_table.table().splitlines()[2:]
    for row, entry in zip(rows, read_manifest().values(), strict=True):
        assert row.startswith(f"| `{entry.name}`")
        assert all(file.sha256 in row for file in entry.files)
        assert entry.licence in row
