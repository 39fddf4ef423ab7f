"""Files that are no exports, or hostile ones: each is refused with the line and the reason, and leaves nothing behind."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from sqlalchemy import func, select

from pipeline.conduct.sweep import sweep
from pipeline.errors import SetupError
from pipeline.faces import moving
from pipeline.faces.moving import export_collection, import_collection
from pipeline.services import Services
from pipeline.store import collections
from pipeline.store.engine import reading
from pipeline.store.face_schema import faces as faces_table
from tests.support.collections_filled import archive_lines, filled
from tests.support.databases import database_url, engine, postgres_server
from tests.support.jobs_installation import ACCOUNT, queue, services

__all__ = ["database_url", "engine", "postgres_server", "queue", "services"]

OTHER = "999988887777"
Change = Callable[[list[Any]], Any]


@pytest.fixture
def file(services: Services, tmp_path: Path) -> Path:
    """The export of a collection of seven faces and three users."""
    filled(services, user_ids=["zoe", "a:b", "nobody"])
    export_collection(services, ACCOUNT, "people", tmp_path / "people.zst", lambda *_: None)
    return tmp_path / "people.zst"


def take(services: Services, path: Path) -> None:
    import_collection(services, OTHER, path, None, False, lambda *_: None)


def write_lines(path: Path, records: list[Any], end: bool = True) -> Path:
    """A file of these lines, with the right checksum at its end."""
    raw = b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in records)
    if end:
        raw += json.dumps({"End": {"SHA256": hashlib.sha256(raw).hexdigest()}}).encode() + b"\n"
    path.write_bytes(zstandard.compress(raw))
    return path


def kept_faces(services: Services) -> int:
    with reading(services.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(faces_table)).scalar_one())


def vector(*numbers: float, length: int = 128) -> str:
    """Base64 of a vector that begins so."""
    return base64.b64encode(struct.pack(f"<{length}f", *numbers, *[0.0] * (length - len(numbers)))).decode()


def changed(kind: str, **values: Any) -> Change:
    """The first line of a kind has these values; None: it lacks the member."""

    def change(records: list[Any]) -> None:
        fields = next(record[kind] for record in records if kind in record)
        fields.update(values)
        for name in [name for name, value in values.items() if value is None]:
            del fields[name]

    return change


HOSTILE: list[tuple[Change, str]] = [
    (changed("Collection", Format="zip"), "line 1: it is of the format 'zip'"),
    (changed("Collection", FormatVersion=2), "collection 1 can be read"),
    (changed("Collection", CollectionId="a b"), "CollectionId 'a b'"),
    (changed("Collection", CollectionId=None), "lacks CollectionId"),
    (changed("Collection", Tags=["a"]), "Tags"),
    (changed("Collection", Tags={"a\u0000": "b"}), "tag"),
    (changed("Collection", Tags={"a": 1}), "tag"),
    (changed("Collection", Tags={"AWS:a": "b"}), "tag"),
    (changed("Collection", ImageNamespace="x"), "ImageNamespace"),
    (changed("Collection", CreationTimestamp="yesterday"), "CreationTimestamp"),
    (changed("Collection", CreationTimestamp="2020-01-01T00:00:00"), "time zone"),
    (changed("Collection", CreationTimestamp="0001-01-01T00:00:00+10:00"), "CreationTimestamp"),
    (changed("Collection", FaceCount=True), "FaceCount"),
    (changed("Collection", FaceCount=-1), "FaceCount"),
    (changed("Collection", FaceCount=8), "a Face is expected, not a End"),
    (changed("Collection", FaceCount=6), "more lines than its beginning announces"),
    (changed("Collection", UserCount=2), "a Face is expected, not a User"),
    (changed("Collection", UserCount=4), "a User is expected, not a Face"),
    (changed("Collection", Owner="me"), "'Owner'"),
    (changed("Collection", FaceModelVersion="1"), "model version 2021.12, not 1"),
    (changed("User", UserId="a:b"), "occurs twice"),
    (changed("User", UserId="other"), "no User zoe"),
    (changed("User", UserId=""), "UserId ''"),
    (changed("Face", FaceId="0" * 36), "FaceId"),
    (changed("Face", FaceId=7), "FaceId 7"),
    (changed("Face", ImageId=None), "lacks ImageId"),
    (changed("Face", ExternalImageId="a/b"), "ExternalImageId 'a/b'"),
    (changed("Face", BoundingBox=[]), "BoundingBox is no object"),
    (changed("Face", BoundingBox={"Left": 1, "Top": 1, "Width": -0.1, "Height": 1}), "Width -0.1"),
    (changed("Face", BoundingBox={"Left": 1, "Top": 1, "Width": "1", "Height": 1}), "Width '1'"),
    (changed("Face", Confidence=101), "Confidence 101"),
    (changed("Face", Confidence=float("nan")), "NaN is no number"),
    (changed("Face", Confidence=10**400), "Confidence 1000"),
    (changed("Face", Vector=vector(1, length=127)), "508 bytes"),
    (changed("Face", Vector=vector(1, length=129)), "516 bytes"),
    (changed("Face", Vector=vector(0.9)), "length 1"),
    (changed("Face", Vector=vector(float("nan"))), "length 1"),
    (changed("Face", Vector=vector(float("inf"))), "length 1"),
    (changed("Face", Vector="*" * 684), "no embedding"),
    (changed("Face", Vector=None), "lacks Vector"),
    (lambda records: records.insert(5, records[4]), "more lines|occurs twice"),
    (lambda records: records.append({"Face": {}}), "more lines than its beginning announces: a Face"),
    (lambda records: records.insert(0, {"Hello": {}}), "does not begin with a Collection"),
    (lambda records: records.__setitem__(4, b"{\n"), "no line of JSON"),
    (lambda records: records.__setitem__(4, b"[" * 100_000 + b"\n"), "no line of JSON"),
    (lambda records: records.__setitem__(4, b'{"Face": ' + b" " * 2**21 + b"{}}\n"), "more than 1048576 bytes"),
    (lambda records: records.__setitem__(4, b"\xff\xfe\n"), "no line of JSON"),
    (lambda records: records.__setitem__(4, {"Face": 1, "Other": 2}), "no object of one member"),
]  # fmt: skip


def test_what_makes_no_sense_is_refused(services: Services, file: Path) -> None:
    hostile, before = file.with_name("hostile"), kept_faces(services)
    for change, told in HOSTILE:
        records = archive_lines(file)[:-1]
        change(records)
        with pytest.raises(SetupError, match=told) as refusal:
            take(services, write_lines(hostile, records))
        assert str(hostile) in str(refusal.value)
    with reading(services.engine) as connection:
        assert collections.listed(connection, OTHER, 0, 10) == []
    while sweep(services).face_batches:
        pass
    assert kept_faces(services) == before


def test_face_ids_that_occur_twice_are_refused_across_batches(
    services: Services, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = archive_lines(file)[:-1]
    records[-1]["Face"]["FaceId"] = records[4]["Face"]["FaceId"]
    monkeypatch.setattr(moving, "BATCH", 3)
    with pytest.raises(SetupError, match="a FaceId occurs twice"):
        take(services, write_lines(file.with_name("hostile"), records))


def test_damaged_files_are_refused(services: Services, file: Path) -> None:
    whole, hostile = file.read_bytes(), file.with_name("hostile")
    for damaged in [
        b"",
        b"PK\x03\x04 this is a zip",
        *(whole[:length] for length in range(1, len(whole) - 40, len(whole) // 9)),
    ]:
        hostile.write_bytes(damaged)
        with pytest.raises(SetupError, match=r"ends too early|damaged"):
            take(services, hostile)
    hostile.write_bytes(whole[:900] + bytes([whole[900] ^ 1]) + whole[901:])
    with pytest.raises(SetupError, match="damaged"):
        take(services, hostile)
    hostile.write_bytes(whole + zstandard.compress(b"more\n"))
    with pytest.raises(SetupError, match="something follows its end"):
        take(services, hostile)
    records = archive_lines(file)
    records[0]["Collection"]["Tags"] = {}
    with pytest.raises(SetupError, match="checksum"):
        take(services, write_lines(hostile, records, end=False))
    with pytest.raises(SetupError, match="cannot be read"):
        take(services, file.parent)
    hostile.write_bytes(zstandard.compress(np.zeros(2**28, np.uint8).tobytes()))
    with pytest.raises(SetupError, match="more than 1048576 bytes"):
        take(services, hostile)
