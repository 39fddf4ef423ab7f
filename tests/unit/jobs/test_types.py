"""The legal moves of jobs, passes and chunks."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.jobs.types import MOVES, OPEN_CHUNKS, ChunkState, JobState, PassState, VideoRef, sources


class JobLife(RuleBasedStateMachine):
    """A job that moves only through `sources`, as the WHERE of an update does."""

    @initialize()
    def submit(self) -> None:
        self.state = JobState.QUEUED
        self.ends = 0
        self.retries = 0

    @rule(target_state=st.sampled_from(JobState))
    def try_to_move(self, target_state: JobState) -> None:
        if self.state not in sources(target_state):
            return
        if target_state in {JobState.SUCCEEDED, JobState.FAILED}:
            self.ends += 1
        if self.state is JobState.FAILED:
            self.retries += 1
        self.state = target_state

    @invariant()
    def ends_once_per_try(self) -> None:
        if hasattr(self, "state"):
            ended = self.state in {JobState.SUCCEEDED, JobState.FAILED}
            assert self.ends == self.retries + ended

    @invariant()
    def wire_names_are_those_of_the_api(self) -> None:
        if hasattr(self, "state"):
            assert self.state.wire in {"IN_PROGRESS", "SUCCEEDED", "FAILED"}


TestJobLife = JobLife.TestCase


@pytest.mark.parametrize("kind", [JobState, PassState, ChunkState])
def test_moves_stay_within_their_kind_and_never_stand_still(kind: type[JobState]) -> None:
    assert set(MOVES[kind]) == set(kind)
    for state, targets in MOVES[kind].items():
        assert all(isinstance(target, kind) for target in targets)
        assert state not in targets


def test_a_success_is_final() -> None:
    assert MOVES[JobState][JobState.SUCCEEDED] == frozenset()
    assert sources(JobState.SUCCEEDED) == (JobState.RUNNING,)


def test_settled_chunks_never_move_again() -> None:
    assert all(not targets for state, targets in MOVES[ChunkState].items() if state not in OPEN_CHUNKS)


def test_a_video_shows_its_version_only_when_it_has_one() -> None:
    assert VideoRef("b", "n", None, "e", 1).wire == {"S3Object": {"Bucket": "b", "Name": "n"}}
    assert VideoRef("b", "n", "v", "e", 1).wire == {"S3Object": {"Bucket": "b", "Name": "n", "Version": "v"}}
