"""Collections that are exported and imported: the same after the move, all there or not at all, and nothing else than that is read."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from pipeline.conduct.sweep import sweep
from pipeline.errors import RequestError, SetupError
from pipeline.faces.index import FaceIndex
from pipeline.faces.indices import OtherVersionError, check_version
from pipeline.faces.moving import export_collection, import_collection
from pipeline.services import Services
from pipeline.store import collections, faces, staging
from pipeline.store.collections import Collection
from pipeline.store.engine import reading, writing
from pipeline.store.face_schema import collections as collections_table
from pipeline.store.face_schema import faces as faces_table
from pipeline.store.metadata import utcnow
from tests.support.collections_filled import archive_lines, content, filled, image, new_face, people, random_vectors
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

OTHER = "999988887777"
USERS = ["zoe", "a:b", "nobody"]


def quiet(done: int, total: int) -> None:
    """Nobody watches."""
    assert 0 < done <= total


@pytest.fixture
def file(services: Services, tmp_path: Path) -> Path:
    """The export of a collection of seven faces, four of them of two users; the third user has faces 5 and 6."""
    filled(services, user_ids=USERS)
    export_collection(services, ACCOUNT, "people", tmp_path / "people.zst", quiet)
    return tmp_path / "people.zst"


def take(services: Services, path: Path, name: str | None = None, account: str = OTHER, instead: bool = False) -> Any:
    return import_collection(services, account, path, name, instead, quiet)


def count(services: Services, table: Any) -> int:
    with reading(services.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def searched(services: Services, collection: Collection, folder: Path) -> list[list[tuple[float, str]]]:
    """Cosines and FaceIds of searches."""
    index = FaceIndex(services.engine, folder, collection)
    return [[(cosine, face.id) for cosine, face in one] for one in index.search(random_vectors(5, 3), -1.0, 100)]


def test_a_collection_is_the_same_after_a_move(services: Services, file: Path, tmp_path: Path) -> None:
    with reading(services.engine) as connection:
        before = collections.get(connection, ACCOUNT, "people")
    made = take(services, file)
    assert made.arn == f"arn:aws:rekognition:us-east-1:{OTHER}:collection/people"
    same = ("name", "face_model_version", "tags", "created_at", "faces", "users", "next_position")
    assert [getattr(made, field) for field in same] == [getattr(before, field) for field in same]
    assert content(services, account=OTHER) == content(services)
    assert people(services, account=OTHER) == people(services)
    assert [user[1:3] for user in people(services)] == [(2, "ACTIVE")] * 3
    assert searched(services, made, tmp_path / "a") == searched(services, before, tmp_path / "b")
    again = tmp_path / "again.zst"
    export_collection(services, OTHER, "people", again, quiet)
    assert again.read_bytes() == file.read_bytes()
    assert (file.stat().st_mode & 0o777) == 0o600


def test_the_same_image_is_known_again_after_a_move(services: Services, file: Path) -> None:
    take(services, file, "moved", ACCOUNT)
    known = content(services)
    with writing(services.engine) as connection:
        for number, vector in enumerate(random_vectors(7)):
            (face,) = faces.add(connection, ACCOUNT, "moved", image(number), [new_face(vector, number)])
            assert face == known[number][0]
        (fresh,) = faces.add(connection, ACCOUNT, "moved", image(8), [new_face(random_vectors(1)[0], 8)])
        (also,) = faces.add(connection, ACCOUNT, "people", image(8), [new_face(random_vectors(1)[0], 8)])
        assert fresh.image_id == also.image_id
        assert fresh.position == 7


def test_gaps_of_removed_faces_close(services: Services, tmp_path: Path) -> None:
    collection = filled(services)
    with writing(services.engine) as connection:
        kept = faces.listed(connection, collection, -1, 10)
        faces.remove(connection, collections.get(connection, ACCOUNT, "people", lock=True), kept[1:3])
    export_collection(services, ACCOUNT, "people", tmp_path / "file", quiet)
    made = take(services, tmp_path / "file")
    assert (made.faces, made.next_position) == (5, 5)
    moved = [face.id for face, _ in content(services, account=OTHER)]
    assert moved == [face.id for face in [kept[0], *kept[3:]]]


def test_an_empty_collection_moves(services: Services, tmp_path: Path) -> None:
    filled(services, count=0, user_ids=["somebody"])
    export_collection(services, ACCOUNT, "people", tmp_path / "file", quiet)
    assert take(services, tmp_path / "file").faces == 0
    assert people(services, account=OTHER) == [("somebody", 0, "CREATED", None)]


def test_links_and_pipes_are_written_through(services: Services, tmp_path: Path) -> None:
    filled(services, count=3)
    (tmp_path / "link").symlink_to(tmp_path / "file")
    export_collection(services, ACCOUNT, "people", tmp_path / "link", quiet)
    assert (tmp_path / "link").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE) as reader:
        export_collection(services, ACCOUNT, "people", tmp_path / "pipe", quiet)
        assert reader.stdout
        (tmp_path / "read").write_bytes(reader.stdout.read())
    assert (tmp_path / "pipe").is_fifo()
    for name in ("file", "read"):
        made = import_collection(services, OTHER, tmp_path / name, name, instead=False, progress=quiet)
        assert made.faces == 3


def test_a_collection_of_another_model_moves_and_stays_of_it(services: Services, tmp_path: Path) -> None:
    filled(services, user_ids=USERS, version="2020.01")
    export_collection(services, ACCOUNT, "people", tmp_path / "file", quiet)
    made = take(services, tmp_path / "file")
    assert made.face_model_version == "2020.01"
    assert {face.model_version for face, _ in content(services, account=OTHER)} == {"2020.01"}
    assert people(services, account=OTHER) == people(services)
    with pytest.raises(OtherVersionError, match="reindex"):
        check_version(made)


def test_an_export_is_one_state(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces that come and go while it is written are not seen."""
    filled(services, count=30)
    before = content(services)
    read = faces.embedded

    def interrupted(*given: Any) -> Any:
        for number, row in enumerate(read(*given)):
            if number == 0:
                with writing(services.engine) as connection:
                    faces.add(connection, ACCOUNT, "people", image(99), [new_face(random_vectors(1)[0], 99)])
                    collection = collections.get(connection, ACCOUNT, "people", lock=True)
                    faces.remove(connection, collection, [one for one, _ in before[10:20]])
            yield row

    monkeypatch.setattr(faces, "embedded", interrupted)
    export_collection(services, ACCOUNT, "people", tmp_path / "file", quiet)
    assert [one["Face"]["FaceId"] for one in archive_lines(tmp_path / "file")[1:-1]] == [face.id for face, _ in before]
    monkeypatch.undo()
    assert len(content(services)) == 21


def test_a_name_that_is_taken_is_refused_or_replaced(services: Services, file: Path) -> None:
    taken = filled(services, "people", 3, user_ids=["old"], account=OTHER)
    with pytest.raises(SetupError, match="--replace"):
        take(services, file)
    assert len(content(services, account=OTHER)) == 3
    made = take(services, file, instead=True)
    assert made.id != taken.id
    assert content(services, account=OTHER) == content(services)
    while sweep(services).face_batches:
        pass
    assert count(services, collections_table) == 4  # two, and the vectors of their users
    assert count(services, faces_table) == 2 * (7 + 3)


def test_limits_hold_for_imports(services: Services, file: Path) -> None:
    for limit, fault in (({"max_faces": 6}, "7 faces"), ({"max_users": 2}, "3 users")):
        few = replace(services, settings=services.settings.model_copy(update=limit))
        with pytest.raises(SetupError, match=fault):
            take(few, file)
    few = replace(services, settings=services.settings.model_copy(update={"max_collections": 0}))
    with pytest.raises(RequestError, match="maximum"):
        take(few, file)
    assert count(services, collections_table) == 2, "refused before anything was made"
    with pytest.raises(RequestError, match="does not exist"):
        export_collection(services, OTHER, "people", file, quiet)
    assert file.is_file()


def test_of_two_imports_of_one_name_the_second_is_refused_at_its_end(services: Services) -> None:
    with writing(services.engine) as connection:
        one, two = (staging.begin(connection, "people", "1", utcnow(), {}, "0" * 32) for _ in range(2))
        staging.take_over(connection, one, ACCOUNT, "us-east-1", instead=False)
    with writing(services.engine) as connection, pytest.raises(RequestError) as refusal:
        staging.take_over(connection, two, ACCOUNT, "us-east-1", instead=False)
    assert refusal.value.code == "ResourceAlreadyExistsException"


@pytest.mark.slow
def test_a_killed_import_leaves_nothing(services: Services, file: Path, database_url: str, tmp_path: Path) -> None:
    """It is killed in the middle of its faces, and before it takes over."""
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    for step in ("staging.add", "staging.take_over"):
        before = count(services, collections_table)
        environment = {**os.environ, "PYTHONWARNINGS": "", "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, str(program), step, database_url, str(tmp_path), str(file)]
        assert subprocess.run(command, check=False, env=environment, timeout=60).returncode == -signal.SIGKILL
        assert count(services, collections_table) > before
        with reading(services.engine) as connection:
            assert collections.find(connection, OTHER, "people") is None
        sweep(services)
        assert count(services, collections_table) > before, "whoever is at work has time"
        with writing(services.engine) as connection:
            theirs = update(collections_table).where(collections_table.c.lease_until.is_not(None))
            connection.execute(theirs.values(lease_until=utcnow() - timedelta(seconds=1)))
        while sweep(services).face_batches:
            pass
        assert count(services, collections_table) == before
    assert content(services)
    assert take(services, file).faces == 7


KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.faces import moving
from pipeline.services import Services
from pipeline.settings import Settings
from tests.support.jobs_installation import SECRET, RememberingQueue

step, url, folder, file = sys.argv[1:]
moving.BATCH = 3
module, name = step.split(".")
module = getattr(moving, module)
run = getattr(module, name)
calls = []

def killed(*given):
    calls.append(given)
    if len(calls) == (2 if name == "add" else 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return run(*given)

setattr(module, name, killed)
services = Services.from_settings(Settings(data_dir=Path(folder), database_url=url, secret_key=SECRET), RememberingQueue())
moving.import_collection(services, "999988887777", Path(file), None, False, lambda done, total: None)
"""


def test_who_comes_back_late_is_told(services: Services) -> None:
    with writing(services.engine) as connection:
        staged = staging.begin(connection, "people", "1", utcnow(), {}, "0" * 32)
        mine = update(collections_table).where(collections_table.c.number == staged.number)
        connection.execute(mine.values(lease_until=utcnow() - timedelta(seconds=1)))
        for call in (staging.add, staging.add_users):
            with pytest.raises(SetupError, match="start anew"):
                call(connection, staged, [])
        with pytest.raises(SetupError, match="start anew"):
            staging.take_over(connection, staged, ACCOUNT, "us-east-1", instead=False)


def test_an_export_that_fails_leaves_the_file_that_was_there(
    services: Services, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(faces, "embedded", full)
    with pytest.raises(SetupError, match="No space left"):
        export_collection(services, ACCOUNT, "people", file, quiet)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".people")] == []
