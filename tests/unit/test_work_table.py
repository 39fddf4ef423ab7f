"""How counted work is held against its table."""

from pathlib import Path

import pytest

from tests.support import work

TABLE = """# Comments are no rows.
[one]
              alone together
frames shown      3        4  # why it is so
others            .        1
[two]
x
y 1
"""


@pytest.fixture(autouse=True)
def _table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.txt"
    path.write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr(work, "TABLE", path)


def test_a_section_is_read_by_columns() -> None:
    expected = {"alone": {"frames shown": 3, "others": 0}, "together": {"frames shown": 4, "others": 1}}
    assert work.allowed("one") == expected
    assert work.allowed("two") == {"x": {"y": 1}}


def test_as_much_or_less_is_allowed() -> None:
    work.require("one", {"alone": {"frames shown": 3}, "together": {"frames shown": 4, "others": 0}})


@pytest.mark.parametrize(
    ("column", "what", "number", "limit"),
    [("alone", "frames shown", 4, 3), ("together", "others", 2, 1), ("alone", "something new", 1, 0)],
)
def test_what_has_grown_is_named(column: str, what: str, number: int, limit: int) -> None:
    done: dict[str, dict[str, int]] = {"alone": {}, "together": {}}
    done[column] = {what: number}
    with pytest.raises(AssertionError, match=f"{column}: {what}: {number}, at most {limit}"):
        work.require("one", done)


def test_a_section_that_is_shown_can_be_read_again(tmp_path: Path) -> None:
    done = {"alone": {"a b": 12}, "together": {"a b": 3, "c": 4}}
    work.TABLE.write_text(f"[shown]\n{work.shown(done)}\n", encoding="utf-8")
    work.require("shown", done)
    assert work.allowed("shown")["alone"] == {"a b": 12, "c": 0}


def test_other_columns_are_an_error() -> None:
    with pytest.raises(AssertionError, match="other columns"):
        work.require("one", {"alone": {}})
