"""Access keys of accounts; the secrets are kept encrypted because SigV4 needs them back."""

import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import Engine, RowMapping, bindparam, delete, insert, select

from pipeline.errors import RequestError, SetupError
from pipeline.secrets import SecretKeys
from pipeline.store.engine import asking, reading, writing
from pipeline.store.metadata import utcnow
from pipeline.store.schema import access_keys

PURPOSE = "access-keys"
"""Of the key under which secrets are encrypted."""
_ID_LETTERS = string.ascii_uppercase + "234567"
_FIND = select(access_keys).where(access_keys.c.id == bindparam("key"))  # built once: every request asks it
_SECRET_LETTERS = string.ascii_letters + string.digits + "+/"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What a client signs with; the secret stays out of `repr`.

    Attributes:
        id: 20 characters beginning with AKIA.
        secret: 40 characters.
        account: 12 digits.
        created_at: When it was made.
    """

    id: str
    secret: str = field(repr=False)
    account: str
    created_at: datetime


class KeyStore:
    """Makes, finds, lists and revokes access keys."""

    def __init__(self, engine: Engine, secret_keys: SecretKeys) -> None:
        self._engine = engine
        self._secret_keys = secret_keys

    def create(self, account: str) -> AccessKey:
        """A new key of the account.

        Raises:
            RequestError: `account` does not consist of 12 digits.
        """
        if not re.fullmatch(r"[0-9]{12}", account):
            raise RequestError("InvalidParameterException", f"account must consist of 12 digits, not {account!r}")
        key = AccessKey("AKIA" + _pick(_ID_LETTERS, 16), _pick(_SECRET_LETTERS, 40), account, utcnow())
        encrypted = self._secret_keys.cipher(PURPOSE).encrypt(key.secret.encode()).decode()
        with writing(self._engine) as connection:
            connection.execute(
                insert(access_keys).values(id=key.id, account=account, secret=encrypted, created_at=key.created_at)
            )
        return key

    def find(self, key_id: str) -> AccessKey | None:
        """The key with this id, unless it was revoked or never existed."""
        with asking(self._engine) as connection:
            row = connection.execute(_FIND, {"key": key_id}).mappings().first()
        return None if row is None else self._key(row)

    def list(self) -> Sequence[AccessKey]:
        """All keys, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(access_keys).order_by(access_keys.c.created_at, access_keys.c.id))
            return [self._key(row) for row in rows.mappings()]

    def accounts(self) -> set[str]:
        """The accounts that have keys; no secret is looked at."""
        with reading(self._engine) as connection:
            return set(connection.execute(select(access_keys.c.account).distinct()).scalars())

    def revoke(self, key_id: str) -> bool:
        """Whether the key existed; it is of no use any more."""
        with writing(self._engine) as connection:
            return connection.execute(delete(access_keys).where(access_keys.c.id == key_id)).rowcount == 1

    def _key(self, row: RowMapping) -> AccessKey:
        try:
            secret = _decrypted(self._secret_keys.cipher(PURPOSE), row["secret"])
        except InvalidToken:
            raise SetupError(
                "access keys were encrypted with another secret key; put the secret.key they were made with into the data "
                "directory, or set REELSIGHT_SECRET_KEY to it"
            ) from None
        return AccessKey(row["id"], secret, row["account"], row["created_at"])


@lru_cache(maxsize=256)
def _decrypted(cipher: MultiFernet, text: str) -> str:
    """What a cipher makes of a text is always the same; only keys that the database still has are asked for."""
    return cipher.decrypt(text.encode()).decode()


def _pick(letters: str, count: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(count))
