"""The keys that sign messages: shared by all machines of an installation through the database, encrypted there."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from cryptography.fernet import InvalidToken, MultiFernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import Engine, RowMapping, select, update

from pipeline.errors import SetupError
from pipeline.notify.certificates import RENEW_BEFORE, signing_certificate
from pipeline.notify.signing import Signer
from pipeline.secrets import secret_keys
from pipeline.settings import Settings
from pipeline.store.engine import reading, writing
from pipeline.store.insertion import insert_new
from pipeline.store.notify_schema import signing_keys

CURRENT = "current"
KEY_BITS = 2048
PURPOSE = "signing-keys"
"""Of the key under which private keys are encrypted."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """Finds the signing key and published certificates; makes a key on first use and before the old one expires."""

    engine: Engine
    settings: Settings

    def signer(self, now: datetime) -> Signer:
        """The key that signs at this moment.

        Raises:
            SetupError: the key was encrypted with another secret key.
        """
        row = self._current()
        if row is None or row["expires_at"] - RENEW_BEFORE <= now:
            self._renew(row, now)
            row = self._current()
        assert row is not None, "made above, by us or by another process"
        return Signer(_load(self._decrypted(row)), f"{self.settings.https_url}{certificate_path(row['id'])}")

    def rotate(self, now: datetime) -> str:
        """Has a new key sign from now on; its id. The certificates of old keys stay published."""
        self._renew(self._current(), now)
        row = self._current()
        assert row is not None, "made above, by us or by another process"
        return str(row["id"])

    def certificate(self, key_id: str) -> str | None:
        """PEM of the certificate of a key that signs or has signed; None: there is no such key."""
        query = select(signing_keys.c.certificate).where(signing_keys.c.id == key_id)
        with reading(self.engine) as connection:
            return connection.execute(query).scalar()

    def _current(self) -> RowMapping | None:
        with reading(self.engine) as connection:
            return connection.execute(select(signing_keys).where(signing_keys.c.slot == CURRENT)).mappings().first()

    def _renew(self, old: RowMapping | None, now: datetime) -> None:
        """Puts a new key in place of `old`; of processes that do so at once, one wins."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        certificate = signing_certificate(self.settings, key.public_key(), now)
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        values = {
            "id": sha256(pem).hexdigest(),
            "slot": CURRENT,
            "certificate": pem.decode("ascii"),
            "private_key": self._cipher().encrypt(private),
            "created_at": now,
            "expires_at": certificate.not_valid_after_utc,
        }
        with writing(self.engine) as connection:
            if old is not None:
                connection.execute(update(signing_keys).where(signing_keys.c.id == old["id"]).values(slot=None))
            insert_new(connection, signing_keys, values)

    def _cipher(self) -> MultiFernet:
        return secret_keys(self.settings).cipher(PURPOSE)

    def _decrypted(self, row: RowMapping) -> bytes:
        try:
            return self._cipher().decrypt(row["private_key"])
        except InvalidToken:
            raise SetupError(
                "the key that signs notifications was encrypted with another secret key; "
                "put the secret.key it was made with into the data directory, or set REELSIGHT_SECRET_KEY to it"
            ) from None


def certificate_path(key_id: str) -> str:
    """Path under which a certificate is published, for ever the same one."""
    return f"/SimpleNotificationService-{key_id}.pem"


@lru_cache(maxsize=4)
def _load(pem: bytes) -> rsa.RSAPrivateKey:
    """The key; loading checks its numbers, which takes longer than a signature."""
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey), "as `_renew` makes it"
    return key
