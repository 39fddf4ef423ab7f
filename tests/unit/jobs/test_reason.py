"""What owners of jobs are told of faults."""

import errno

import pytest
from sqlalchemy.exc import DisconnectionError, OperationalError

from pipeline.conduct.outcome import worn_out
from pipeline.conduct.reason import told
from pipeline.jobs.types import Chunk, ChunkState
from pipeline.objects.types import NoSuchObjectError, ObjectRefusedError, StoreUnavailableError
from tests.support.chaos.verify import HONEST

HOST = "db7.inside.example"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            OperationalError("SELECT jobs.id", {"id": "4711"}, Exception(f'connection to server at "{HOST}" failed')),
            "OperationalError: the database was away, or could not do what it was asked.",
        ),
        (
            OperationalError("INSERT INTO jobs", {}, Exception("database or disk is full")),
            "OperationalError: database or disk is full.",
        ),
        (DisconnectionError(HOST), "DisconnectionError: the database was away, or could not do what it was asked."),
        (
            StoreUnavailableError(f'Could not connect to the endpoint URL: "http://{HOST}:9000/films"'),
            "StoreUnavailableError: the object store was away, or broke off its answer.",
        ),
        (ObjectRefusedError(f"{HOST}/film may not be read"), "ObjectRefusedError: the object store refused access."),
        (
            OSError(errno.ENOSPC, "No space left on device", f"/var/lib/{HOST}"),
            "OSError: No space left on device.",
        ),
        (ConnectionResetError(HOST), "ConnectionResetError: a server could not be reached."),
        (ZeroDivisionError("no contrast today"), "ZeroDivisionError: no contrast today"),
        (
            NoSuchObjectError("work/passes/index.npz does not exist"),
            "NoSuchObjectError: work/passes/index.npz does not exist",
        ),
    ],
)
def test_faults_of_servers_and_disks_are_told_without_their_details(error: Exception, expected: str) -> None:
    assert told(error) == expected
    assert HONEST.search(worn_out(None, Chunk("c", "p", None, 0, 10, ChunkState.RUNNING, 3), told(error)))
