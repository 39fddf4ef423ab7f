"""The installation's secret key and the keys derived from it, one per purpose."""

import base64
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from pipeline.errors import SetupError
from pipeline.settings import Settings

MIN_CHARACTERS = 32


def load_secret_key(settings: Settings) -> bytes:
    """The secret key from the settings, else the one in `secret.key` of the data directory, made on first use.

    Raises:
        SetupError: the key is too short.
    """
    if settings.secret_key is not None:
        return _checked(settings.secret_key.get_secret_value(), "REELSIGHT_SECRET_KEY")
    path = settings.data_dir / "secret.key"
    if not path.exists():
        _create(path)
    return _checked(path.read_text("ascii").strip(), str(path))


def derive(secret: bytes, purpose: str) -> bytes:
    """32 bytes that serve `purpose` alone.

    Source: HKDF, RFC 5869.
    """
    return HKDF(SHA256(), length=32, salt=b"reelsight", info=purpose.encode()).derive(secret)


def cipher(secret: bytes, purpose: str) -> Fernet:
    """Authenticated encryption for `purpose`."""
    return Fernet(base64.urlsafe_b64encode(derive(secret, purpose)))


def _checked(key: str, source: str) -> bytes:
    if len(key) < MIN_CHARACTERS:
        raise SetupError(f"{source} must hold at least {MIN_CHARACTERS} characters")
    return key.encode()


def _create(path: Path) -> None:
    """Writes a fresh key; of processes that start at once, the first wins and the others read its key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".secret")
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
