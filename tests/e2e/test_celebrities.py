"""Celebrities from photos to answers: their operator's commands, and what clients then get."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.service import Service, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.weights]

Reelsight = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def photos(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two people, one of them in its list, and a photo that shows a whole family."""
    folder = tmp_path_factory.mktemp("photos")
    identity = media / "images" / "identity"
    for name, files in {
        "Lin-Manuel Miranda": ["lin-manuel-miranda.png"],
        "Barack Obama": ["obama_official.jpg", "obama_far.jpg", "azure_identification1.jpg"],
    }.items():
        (folder / name).mkdir()
        for file in files:
            shutil.copyfile(identity / file, folder / name / file)
    with (folder / "people.csv").open("w", newline="") as out:
        rows = csv.DictWriter(out, ["Id", "Name", "Urls", "KnownGender"])
        rows.writeheader()
        rows.writerow({"Id": "lmm1", "Name": "Lin-Manuel Miranda", "Urls": "example.org/lmm", "KnownGender": "Male"})
    return folder


@pytest.fixture(scope="module")
def reelsight(service: Service, models_dir: Path) -> Reelsight:
    """Runs `reelsight` beside the running service, on its installation or another one."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("REELSIGHT_")}

    def run(*arguments: str, data_dir: Path | None = None) -> "subprocess.CompletedProcess[str]":
        other = {**own, "REELSIGHT_DATA_DIR": str(data_dir), "REELSIGHT_MODELS_DIR": str(models_dir)}
        environment = other if data_dir else service.client_environment()
        command = [sys.executable, "-m", "api.cli", "celebrities", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)

    return run


@pytest.fixture(scope="module")
def rekognition(service: Service, photos: Path, reelsight: Reelsight) -> Iterator[Any]:
    """boto3, once an empty gallery has been seen to be empty and the photos are imported; empty again afterwards, for others."""
    client = service.client("rekognition")
    empty = client.recognize_celebrities(Image={"Bytes": (photos / "Barack Obama/obama_far.jpg").read_bytes()})
    assert (empty["CelebrityFaces"], len(empty["UnrecognizedFaces"])) == ([], 1)
    assert "The gallery is empty" in reelsight("list").stdout
    done = reelsight("import", str(photos))
    assert done.returncode == 0, done.stderr
    assert "2 people, 3 photos imported, 1 left out" in done.stdout
    assert "azure_identification1.jpg: shows several faces" in done.stderr
    yield client
    known = [json.loads(line)["Id"] for line in reelsight("list", "--json").stdout.splitlines()]
    assert reelsight("remove", *known).returncode == 0


def test_faces_of_an_image_are_named_or_not(rekognition: Any, media: Path) -> None:
    photo = media / "images/identity/obama_and_biden.jpg"
    answer = rekognition.recognize_celebrities(Image={"Bytes": photo.read_bytes()})
    (face,) = answer["CelebrityFaces"]
    assert face["Name"] == "Barack Obama"
    assert face["MatchConfidence"] >= 95
    assert {"BoundingBox", "Landmarks", "Pose", "Quality", "Emotions", "Smile"} <= set(face["Face"])
    assert max(other["Confidence"] for other in answer["UnrecognizedFaces"]) > 99


def test_what_is_known_is_told_by_id(rekognition: Any) -> None:
    info = rekognition.get_celebrity_info(Id="lmm1")
    assert (info["Name"], info["Urls"]) == ("Lin-Manuel Miranda", ["example.org/lmm"])
    assert info["KnownGender"] == {"Type": "Male"}
    with pytest.raises(ClientError) as error:
        rekognition.get_celebrity_info(Id="nobody1")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_celebrities_of_a_video_are_named(service: Service, rekognition: Any, media: Path) -> None:
    video = service.put("videos", "clip.mp4", media / "videos/short_hamilton_clip.mp4")
    job = rekognition.start_celebrity_recognition(Video=video)["JobId"]
    wait_until(lambda: rekognition.get_celebrity_recognition(JobId=job)["JobStatus"] != "IN_PROGRESS", 120)
    by_id = rekognition.get_celebrity_recognition(JobId=job, SortBy="ID")
    assert by_id["JobStatus"] == "SUCCEEDED", by_id.get("StatusMessage")
    found = [item["Celebrity"] for item in by_id["Celebrities"]]
    assert [who["Id"] for who in found] == sorted(who["Id"] for who in found)
    assert sum(who["Id"] == "lmm1" for who in found) >= 5
    assert all(who["Confidence"] >= 95 and "Landmarks" in who["Face"] for who in found)


def test_importing_again_changes_nothing(rekognition: Any, photos: Path, reelsight: Reelsight) -> None:
    before = reelsight("list", "--json").stdout
    assert reelsight("import", str(photos)).returncode == 0
    assert reelsight("list", "--json").stdout == before
    assert {json.loads(line)["Faces"] for line in before.splitlines()} == {1, 2}


def test_an_export_fills_another_installation_and_people_can_be_removed(
    rekognition: Any, reelsight: Reelsight, tmp_path: Path
) -> None:
    file, other = tmp_path / "gallery.json", tmp_path / "other"
    assert reelsight("export", str(file)).returncode == 0
    for _ in range(2):
        assert reelsight("import", str(file), data_dir=other).returncode == 0
    assert reelsight("list", "--json", data_dir=other).stdout == reelsight("list", "--json").stdout
    assert reelsight("remove", "lmm1", data_dir=other).returncode == 0
    assert "lmm1" not in reelsight("list", data_dir=other).stdout
    again = reelsight("remove", "lmm1", data_dir=other)
    assert (again.returncode, "lmm1" in again.stderr) == (1, True)
    nowhere = reelsight("export", str(tmp_path / "none" / "gallery.json"))
    assert (nowhere.returncode, "cannot be written: No such file" in nowhere.stderr) == (1, True)


@pytest.mark.parametrize("content", ["{", '{"FaceModelVersion": "1", "Celebrities": ["Ann"]}'])
def test_a_file_that_is_no_export_is_refused(reelsight: Reelsight, tmp_path: Path, content: str) -> None:
    file = tmp_path / "people.json"
    file.write_text(content)
    done = reelsight("import", str(file), data_dir=tmp_path / "data")
    assert done.returncode == 1
    assert "is not a file of `reelsight celebrities export`" in done.stderr


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "no photos"),
        ({"people.csv": "Id,Name\na1,Ann\n", "Bob/1.jpg": ""}, "lists Ann"),
        ({"people.csv": "Id,Name\na-1,Ann\n", "Ann/1.jpg": ""}, "letters and digits"),
        ({"people.csv": "Id,Name,KnownGender\na1,Ann,Robot\n", "Ann/1.jpg": ""}, "KnownGender 'Robot'"),
        ({"people.json": "{", "Ann/1.jpg": ""}, "cannot be read"),
        ({"people.json": '[{"Name": "Ann"}, {"Name": "ann"}]', "Ann/1.jpg": ""}, "more than once"),
        ({"Ann/1.jpg": "not a picture"}, "invalid image format"),
        ({"Ann/1.jpg": "not a picture"}, "0 people, 0 photos imported, 1 left out"),
    ],
)
def test_a_folder_that_makes_no_sense_is_refused(
    reelsight: Reelsight, tmp_path: Path, files: dict[str, str], told: str
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    done = reelsight("import", str(folder), data_dir=tmp_path / "data")
    assert done.returncode == 1
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
