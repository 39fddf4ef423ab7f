import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.threads import cores


def granted() -> int:
    return len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["max 100000", "", "rubbish"])
def test_without_a_quota_affinity_decides(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cores(tmp_path) == granted()


def test_without_cgroups_affinity_decides(tmp_path: Path) -> None:
    assert cores(tmp_path / "nothing") == granted()


@pytest.mark.parametrize("text", ["50000 100000", "100000 100000", "199999 100000"])
def test_a_quota_rounds_down_to_at_least_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cores(tmp_path) == 1


def test_version_one_of_cgroups(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores(tmp_path) == granted()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    assert cores(tmp_path) == 1


@given(st.integers(1, 10_000_000), st.integers(1_000, 1_000_000))
def test_never_more_than_granted_and_never_none(tmp_path_factory, quota: int, period: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "cgroup"
    folder.mkdir(exist_ok=True)
    (folder / "cpu.max").write_text(f"{quota} {period}")
    assert 1 <= cores(folder) <= min(granted(), max(1, quota / period))
