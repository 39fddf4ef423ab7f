"""docs/operations.md against the settings it describes."""

from pipeline.settings import Settings
from scripts import settings_table


def test_the_page_lists_the_settings_of_today() -> None:
    present = settings_table.PAGE.read_text(encoding="utf-8")
    assert settings_table.page(present) == present, "run scripts/settings_table.py --write"


def test_every_setting_is_explained() -> None:
    rows = settings_table.table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == [f"REELSIGHT_{name.upper()}" for name in Settings.model_fields]
    assert all(len(row.split("|")[3].strip()) > 10 for row in rows)


def test_what_stands_around_the_table_is_kept() -> None:
    head = settings_table.HEAD
    page = settings_table.page(f"before\n\n{head}| `REELSIGHT_GONE` | `1` | Old. |\n\nafter | all\n")
    assert page == f"before\n\n{settings_table.table()}\nafter | all\n"
