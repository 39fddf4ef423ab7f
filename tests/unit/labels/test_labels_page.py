"""docs/labels.md and `reelsight labels` against the vocabulary they describe."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from api.cli import main
from pipeline.labels.sources import SOURCES, sources
from pipeline.labels.vocabulary import vocabulary
from scripts import labels_table

WORDS = vocabulary().labels


def listed(*arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(main, ["labels", "--json", *arguments])
    assert result.exit_code == 0, result.output
    found: list[dict[str, object]] = json.loads(result.output)
    return found


def test_the_page_lists_the_labels_of_today() -> None:
    assert labels_table.PAGE.read_text(encoding="utf-8") == labels_table.page(), "run scripts/labels_table.py --write"


def test_the_command_lists_everything() -> None:
    rows = listed()
    assert [row["Name"] for row in rows] == sorted(WORDS)
    car = next(row for row in rows if row["Name"] == "Car")
    assert car == {
        "Name": "Car",
        "Parents": ["Vehicle", "Transportation"],
        "Aliases": ["Automobile"],
        "Categories": ["Vehicles and Automotive"],
        "Sources": ["object", "kind"],
    }


@pytest.mark.parametrize(
    ("arguments", "some", "none"),
    [
        (("bicycle",), {"Bicycle", "Tandem Bicycle"}, {"Car"}),
        (("AUTOMOBILE",), {"Car"}, {"Bicycle"}),
        (("--category", "sports"), {"Cycling", "Ball", "Sport"}, {"Car"}),
        (("--source", "face"), {"Face"}, {"Head", "Person"}),
        (("ski", "--source", "rule"), {"Skiing"}, {"Skis"}),
    ],
)
def test_the_command_searches(arguments: tuple[str, ...], some: set[str], none: set[str]) -> None:
    names = {str(row["Name"]) for row in listed(*arguments)}
    assert some <= names
    assert not none & names


def test_plain_lines_say_what_is_above_and_beside() -> None:
    result = CliRunner().invoke(main, ["labels", "cycling", "--source", "rule"])
    assert result.output == (
        "Cycling < Sport, Person, Bicycle, Vehicle, Transportation = Bicycling  [Sports, Actions]  rule\n"
    )
    assert CliRunner().invoke(main, ["labels", "no such label"]).output == ""


def test_an_unknown_category_is_refused_by_name() -> None:
    result = CliRunner().invoke(main, ["labels", "--category", "Sportz"])
    assert result.exit_code == 2
    assert "Sportz" in result.output


def test_every_label_can_come_from_somewhere() -> None:
    assert [name for name, found in sources().items() if not found] == []
    assert {source for found in sources().values() for source in found} == set(SOURCES)


def test_the_vocabulary_needs_no_numpy() -> None:
    code = "import sys, api.commands.labels; from pipeline.labels.sources import sources; sources(); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
