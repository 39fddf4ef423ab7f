"""Real photos enrolled and embedded anew by the commands: five people, ten photos each, and files that are none."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.ndimage import gaussian_filter
from sqlalchemy import update

from api.cli import main
from pipeline.images import enrolling
from pipeline.images.answer import load
from pipeline.images.call import Call
from pipeline.media.still import decode
from pipeline.models.library import Library
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.store import collections, faces, users
from pipeline.store.engine import reading, writing
from pipeline.store.face_schema import collections as collections_table
from pipeline.store.face_schema import faces as faces_table
from tests.support.collections_filled import content, people, random_vectors
from tests.support.jobs_installation import ACCOUNT, SECRET, RememberingQueue
from tests.support.pictures import jpeg

pytestmark = pytest.mark.weights

Command = Callable[..., Result]
NAMES = ("Ariel Sharon", "Colin Powell", "Hugo Chavez", "Jacques Chirac", "Tony Blair")
SEVERAL = "Tony Blair/Tony_Blair_0001.jpg"
"""It shows two faces of like size."""


@pytest.fixture(scope="module")
def photos(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos for each of five people."""
    folder = tmp_path_factory.mktemp("photos")
    for name in NAMES:
        (folder / name).mkdir()
        for photo in sorted((media / "images/identity/lfw").glob(f"{name.replace(' ', '_')}_*.jpg")):
            shutil.copyfile(photo, folder / name / photo.name)
    return folder


@pytest.fixture(scope="module")
def filled(photos: Path, tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Path:
    """Data directory of an installation into which they were enrolled as users."""
    folder = tmp_path_factory.mktemp("installation")
    done = run(folder, models_dir, "enroll", "people", str(photos), "--create", "--users", "--account", ACCOUNT)
    assert done.exit_code == 3, done.output
    assert f"left out {photos / SEVERAL}: shows several faces of like size" in done.stderr
    assert "50 photos: 49 new with 49 faces, 0 known before, 1 left out" in done.stdout
    return folder


@pytest.fixture
def data_dir(filled: Path, tmp_path: Path) -> Path:
    """A copy of it of one's own."""
    return Path(shutil.copytree(filled, tmp_path / "data"))


@pytest.fixture
def command(data_dir: Path, models_dir: Path) -> Command:
    """`reelsight collections` there."""
    return lambda *arguments: run(data_dir, models_dir, *arguments)


@pytest.fixture
def services(data_dir: Path) -> Iterator[Services]:
    made = Services.from_settings(Settings(data_dir=data_dir), RememberingQueue())
    yield made
    made.close()


def run(data_dir: Path, models_dir: Path, *arguments: str) -> Result:
    environment = {"REELSIGHT_MODELS_DIR": str(models_dir), "REELSIGHT_SECRET_KEY": SECRET}
    return CliRunner().invoke(main, ["collections", *arguments, "--data-dir", str(data_dir)], env=environment)


def test_everybody_is_enrolled_and_found(command: Command, services: Services, photos: Path) -> None:
    assert [(user[0], user[1], user[2]) for user in people(services)] == [
        (name.replace(" ", "_"), 9 if name == "Tony Blair" else 10, "ACTIVE") for name in NAMES
    ]
    kept = content(services)
    assert {face.external_image_id for face, _ in kept} == {
        f"{path.parent.name.replace(' ', '_')}:{path.stem}"
        for path in photos.rglob("*.jpg")
        if path.name not in SEVERAL
    }
    vectors = np.stack([np.frombuffer(vector, "<f4") for _, vector in kept])
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    owners = np.array([face.user_id for face, _ in kept])
    assert (owners[cosines.argmax(axis=1)] == owners).mean() == 1.0
    shown = json.loads(command("show", "people").stdout)
    assert (shown["FaceCount"], shown["UserCount"], shown["AccountId"]) == (49, 5, ACCOUNT)


def test_faces_are_those_that_the_api_would_index(services: Services, photos: Path, models_dir: Path) -> None:
    path = photos / "Hugo Chavez/Hugo_Chavez_0003.jpg"
    request = {"CollectionId": "people", "ExternalImageId": "Hugo_Chavez:Hugo_Chavez_0003", "MaxFaces": 1}
    call = Call(services, Library(models_dir, threads=2), ACCOUNT, request, {"Image": path.read_bytes()})
    (record,) = load("IndexFaces")(call)["FaceRecords"]
    assert record["Face"] in [face.wire for face, _ in content(services)]
    assert len(content(services)) == 49


def test_enrolling_again_looks_at_new_photos_only(
    command: Command, services: Services, photos: Path, media: Path, tmp_path: Path
) -> None:
    before = content(services)
    folder = tmp_path / "photos"
    shutil.copytree(photos, folder)
    (folder / SEVERAL).unlink()
    again = command("enroll", "people", str(folder))
    assert (again.exit_code, again.stdout) == (0, "49 photos: 0 new with 0 faces, 49 known before, 0 left out\n")
    assert content(services) == before
    shutil.copyfile(media / "images/faces/azure_detection2.jpg", folder / "Zoë.jpg")
    (folder / "hélas 'quoi'.png").write_bytes(b"\x89PNG\r\n\x1a\n of no use")
    (folder / "Ann").mkdir()
    (folder / "Ann" / "empty.JPG").touch()
    (folder / "Ann" / ".hidden.jpg").touch()
    with (folder / "Ann" / "large.jpeg").open("wb") as large:
        large.truncate(16 * 1024**2)
    shutil.copyfile(media / "images/faces/azure_detection2.jpg", folder / "Ann" / "notes.txt")
    done = command("enroll", "people", str(folder), "--json", "--users")
    assert done.exit_code == 3
    told = {Path(one["Photo"]).name: one for one in map(json.loads, done.stdout.splitlines())}
    assert len(told) == 53
    assert "invalid image format" in told["empty.JPG"]["Reasons"][0]
    assert "invalid image format" in told["hélas 'quoi'.png"]["Reasons"][0]
    assert "16777216 bytes" in told["large.jpeg"]["Reasons"][0]
    assert told["hélas 'quoi'.png"]["ExternalImageId"].startswith("helas__quoi_-")
    assert (told["Zoë.jpg"]["ExternalImageId"], told["Zoë.jpg"]["UserIds"]) == ("Zoe", ["Zoe"])
    assert told["Tony_Blair_0002.jpg"]["Known"]
    assert "53 photos: 1 new with 1 faces, 49 known before, 3 left out" in done.stderr
    assert [user[:2] for user in people(services)][-1] == ("Zoe", 1)


def test_who_stands_behind_is_not_taken_for_who_is_meant(
    command: Command, services: Services, media: Path, tmp_path: Path
) -> None:
    """A blurred face in front, a sharp one half as large beside it."""
    front, behind = (
        decode((media / "images" / name).read_bytes(), 10**8)
        for name in ("faces/azure_detection2.jpg", "identity/azure_Family1-Mom1.jpg")
    )
    blurred = gaussian_filter(front.rgb(round(600 * front.aspect), 600), (9, 9, 0))
    small = behind.rgb(round(100 * behind.aspect), 100)
    both = np.pad(blurred, ((0, 0), (0, small.shape[1]), (0, 0)))
    both[200:300, blurred.shape[1] :] = small
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "Ann.jpg").write_bytes(jpeg(both))
    done = command("enroll", "people", str(tmp_path / "photos"), "--users")
    assert "not good enough: LOW_SHARPNESS" in done.stderr
    assert "Ann" not in [user[0] for user in people(services)]
    done = command("enroll", "people", str(tmp_path / "photos"))
    assert "1 new with 1 faces" in done.stdout


def test_a_face_is_that_of_one_user_whatever_its_photos_are_called(
    command: Command, services: Services, photos: Path, tmp_path: Path
) -> None:
    """One photo in two folders whose names make the same ExternalImageId."""
    for person in ("Ann:Lee", "Ann/Lee"):
        (tmp_path / "photos" / person).mkdir(parents=True)
        shutil.copyfile(photos / "Hugo Chavez/Hugo_Chavez_0003.jpg", tmp_path / "photos" / person / "x.jpg")
    done = command("enroll", "twice", str(tmp_path / "photos"), "--create", "--users")
    assert done.stderr.count("not associated: its face belongs to the user Ann already") == 1, done.output
    assert [user[:3] for user in people(services, "twice")] == [("Ann", 1, "ACTIVE")]
    again = command("enroll", "twice", str(tmp_path / "photos"), "--users")
    assert "2 known before" in again.stdout
    assert [user[:3] for user in people(services, "twice")] == [("Ann", 1, "ACTIVE")]


def test_a_killed_enrolment_goes_on(
    command: Command, services: Services, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, calls = enrolling._kept, []

    def interrupted(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return kept(*given)

    monkeypatch.setattr(enrolling, "_kept", interrupted)
    monkeypatch.setattr(enrolling, "PHOTOS", 4)
    folder = str(photos / "Colin Powell")
    assert command("enroll", "killed", folder, "--create", "--users").exit_code != 0
    assert len(content(services, "killed")) == 8
    monkeypatch.undo()
    done = command("enroll", "killed", folder, "--users")
    assert (done.exit_code, done.stdout) == (0, "10 photos: 2 new with 2 faces, 8 known before, 0 left out\n")
    assert len({face.id for face, _ in content(services, "killed")}) == 10


def test_users_can_be_made_of_what_is_there(command: Command, services: Services, photos: Path) -> None:
    folder = str(photos / "Tony Blair")
    command("enroll", "later", folder, "--create")
    assert people(services, "later") == []
    assert len(content(services, "later")) == 11
    done = command("enroll", "later", folder, "--users")
    assert (done.exit_code, "shows several faces of like size" in done.stderr) == (3, True)
    assert len(content(services, "later")) == 11  # what is there already is not kept twice
    assert [user[1] for user in people(services, "later")] == [
        1
    ] * 9  # photos that lie there singly are of one person each


def test_what_cannot_be_done_is_said(command: Command, photos: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("enroll", "nobody", str(photos)), "--create makes it"),
        (("enroll", "a b", str(photos), "--create"), "cannot name a collection"),
        (("enroll", "people", str(tmp_path / "empty")), "no photos"),
        (("enroll", "people", str(photos), "--account", "12"), "12 digits"),
        (("show", "nobody"), "does not exist"),
        (("reindex", "nobody", str(photos)), "does not exist"),
        (("export", "people", "--out", str(tmp_path / "no/file")), "cannot be written"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        done = command(*arguments)
        assert done.exit_code in {1, 2}
        assert told in done.stderr
        assert "Traceback" not in done.output


def test_faces_are_embedded_anew_from_their_photos(
    command: Command, services: Services, photos: Path, tmp_path: Path
) -> None:
    """Embeddings of another version are noise here; afterwards they are those that the model makes."""
    known, vectors = content(services), random_vectors(49)
    with writing(services.engine) as connection:
        connection.execute(update(collections_table).values(face_model_version="2020.01"))
        for face, _ in known:
            mine = (faces_table.c.id == face.id,)
            values = {"vector": vectors[face.position % 49].tobytes(), "model_version": "2020.01"}
            connection.execute(update(faces_table).where(*mine).values(**values))
    assert "to be reindexed" in command("list").stdout
    refused = command("enroll", "people", str(photos))
    assert (refused.exit_code, "reindex" in refused.stderr) == (1, True)

    for number, name in enumerate(NAMES[:4]):  # in other places, under other names
        for photo in (photos / name).iterdir():
            (tmp_path / "some" / str(number)).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(photo, tmp_path / "some" / str(number) / f"x{photo.name}")
    blocked = command("reindex", "people", str(tmp_path / "some"))
    assert blocked.exit_code == 1
    assert "The photos of 9 faces of people are missing" in blocked.stderr
    assert blocked.stderr.count("missing: FaceId") == 9
    assert [face.model_version for face, _ in content(services)] == ["2020.01"] * 49

    done = command("reindex", "people", str(photos))
    assert done.exit_code == 0, done.output
    assert "40 faces were embedded by an earlier run" in done.stdout
    assert "people: 49 faces embedded anew, 0 removed" in done.stdout
    after = content(services)
    assert [face for face, _ in after] == [face for face, _ in known]
    cosines = [np.frombuffer(a, "<f4") @ np.frombuffer(b, "<f4") for (_, a), (_, b) in zip(known, after, strict=True)]
    assert min(cosines) > 0.9999
    assert [user[1:3] for user in people(services)] == [(10, "ACTIVE")] * 4 + [(9, "ACTIVE")]
    assert "--again" in command("reindex", "people", str(photos)).stdout


def test_exports_move_and_collections_go(command: Command, services: Services, tmp_path: Path) -> None:
    file = tmp_path / "people.zst"
    assert command("export", "people", "--out", str(file)).exit_code == 0
    moved = command("import", str(file), "--name", "copy")
    assert moved.stdout == f"copy: 49 faces, 5 users, model version {collections.FACE_MODEL_VERSION}\n"
    assert content(services, "copy") == content(services)
    assert "--replace" in command("import", str(file), "--name", "copy").stderr
    assert command("import", str(file), "--name", "copy", "--replace").exit_code == 0
    listed = [json.loads(line) for line in command("list", "--json").stdout.splitlines()]
    assert [(one["CollectionId"], one["FaceCount"]) for one in listed] == [("people", 49), ("copy", 49)]
    assert command("delete", "copy", "--yes").exit_code == 0
    unknown = command("import", str(file), "--account", "999988887777")
    assert (unknown.exit_code, "keys create" in unknown.stderr) == (1, True)
    services.keys.create("999988887777")
    made = command("import", str(file), "--account", "999988887777")
    assert made.exit_code == 0, made.stderr
    several = command("show", "people")
    assert (several.exit_code, f"{ACCOUNT}, 999988887777" in several.stderr) == (1, True)
    with reading(services.engine) as connection:
        moved_there = collections.get(connection, "999988887777", "people")
        assert users.find(connection, moved_there, "Tony_Blair") is not None
        assert len(faces.listed(connection, moved_there, -1, 100, user_id="Tony_Blair")) == 9
