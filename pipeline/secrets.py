"""The installation's secret key and the keys derived from it, one per purpose."""

import base64
import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.errors import SetupError
from pipeline.settings import Settings

MIN_CHARACTERS = 32


class SecretKeys:
    """The secret keys of an installation: the first one encrypts and signs, all of them are accepted."""

    def __init__(self, read: Callable[[], tuple[bytes, ...]]) -> None:
        self.read = read

    @classmethod
    def of(cls, *keys: bytes) -> "SecretKeys":
        """These keys, the present one first."""
        return cls(lambda: keys)

    def cipher(self, purpose: str) -> MultiFernet:
        """Encryption for `purpose` under the first key, decryption under any."""
        return _ciphers(self.read(), purpose)

    def present_cipher(self, purpose: str) -> Fernet:
        """Encryption and decryption under the first key alone."""
        return cipher(self.read()[0], purpose)

    def derived(self, purpose: str) -> tuple[bytes, ...]:
        """What `derive` makes of each."""
        return _derived(self.read(), purpose)


def secret_keys(settings: Settings) -> SecretKeys:
    """The keys of the settings, else those in `secret.key` of the data directory, whose changes are seen at once.

    Raises:
        SetupError: a key is too short.
    """
    previous = settings.previous_secret_keys.get_secret_value().split() if settings.previous_secret_keys else []
    older = tuple(_checked(key, "each key in REELSIGHT_PREVIOUS_SECRET_KEYS") for key in previous)
    if settings.secret_key is not None:
        return SecretKeys.of(_checked(settings.secret_key.get_secret_value(), "REELSIGHT_SECRET_KEY"), *older)
    path = key_file(settings)
    if not path.exists():
        _create(path)
    keys = SecretKeys(lambda: (*_content(path, _stamp(path)), *older))
    keys.read()
    return keys


def load_secret_key(settings: Settings) -> bytes:
    """The key that encrypts and signs at this moment; see `secret_keys`.

    Raises:
        SetupError: a key is too short.
    """
    return secret_keys(settings).read()[0]


def key_file(settings: Settings) -> Path:
    """Where the keys are when no setting names them: one per line, the present one first."""
    return settings.data_dir / "secret.key"


def begin_new_key(settings: Settings) -> None:
    """Puts a new key before those in the file."""
    _rewrite(key_file(settings), lambda keys: [_new(), *keys])


def forget_previous_keys(settings: Settings) -> None:
    """Keeps the first key of the file only."""
    _rewrite(key_file(settings), lambda keys: keys[:1])


def derive(secret: bytes, purpose: str) -> bytes:
    """32 bytes that serve `purpose` alone.

    Source: HKDF, RFC 5869.
    """
    return HKDF(SHA256(), length=32, salt=b"reelsight", info=purpose.encode()).derive(secret)


def cipher(secret: bytes, purpose: str) -> Fernet:
    """Authenticated encryption for `purpose`."""
    return Fernet(base64.urlsafe_b64encode(derive(secret, purpose)))


@lru_cache(maxsize=16)
def _ciphers(keys: tuple[bytes, ...], purpose: str) -> MultiFernet:
    return MultiFernet([cipher(key, purpose) for key in keys])


@lru_cache(maxsize=16)
def _derived(keys: tuple[bytes, ...], purpose: str) -> tuple[bytes, ...]:
    return tuple(derive(key, purpose) for key in keys)


def _checked(key: str, source: str) -> bytes:
    if len(key) < MIN_CHARACTERS:
        raise SetupError(f"{source} must hold at least {MIN_CHARACTERS} characters")
    return key.encode()


def _stamp(path: Path) -> tuple[int, int, int]:
    """Another one after every change: the file is replaced, never written into."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _content(path: Path, _stamp: tuple[int, int, int]) -> tuple[bytes, ...]:
    lines = path.read_text("ascii").split() or [""]
    return tuple(_checked(line, str(path)) for line in lines)


def _rewrite(path: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Replaces the keys in the file while nobody else does."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        part = _written(path, change(path.read_text("ascii").split()))
        part.replace(path)
        os.fsync(folder)
    finally:
        os.close(folder)


def _new() -> str:
    return secrets.token_urlsafe(48)


def _written(path: Path, keys: list[str]) -> Path:
    """A file beside `path` with these keys, on disk, readable to its owner alone."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write("".join(f"{key}\n" for key in keys))
        file.flush()
        os.fsync(descriptor)
    return Path(name)


def _create(path: Path) -> None:
    """Writes a fresh key; of processes that start at once, the first wins and the others read its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _written(path, [_new()])
    try:
        path.hardlink_to(part)
    except FileExistsError:
        pass
    finally:
        part.unlink()
