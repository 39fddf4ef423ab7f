"""Puts what is encrypted in the database under the present secret key, while everybody works with it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import Column, Engine, Table, select, update

from pipeline.secrets import SecretKeys
from pipeline.store.engine import reading, writing
from pipeline.store.keys import PURPOSE as ACCESS_KEYS
from pipeline.store.notify_schema import signing_keys
from pipeline.store.schema import access_keys

PAGE = 200
"""Rows in a transaction."""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A column that is encrypted.

    Attributes:
        table: Its table.
        column: It.
        purpose: What the key is derived for.
    """

    table: Table
    column: Column[Any]
    purpose: str


COLUMNS = (
    Encrypted(access_keys, access_keys.c.secret, ACCESS_KEYS),
    Encrypted(signing_keys, signing_keys.c.private_key, "signing-keys"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the rows are.

    Attributes:
        present: Rows under the present key.
        previous: Ids of rows under another accepted key.
        unreadable: Ids of rows under none of them.
    """

    present: int
    previous: Sequence[str]
    unreadable: Sequence[str]


def standing(engine: Engine, keys: SecretKeys) -> Standing:
    """Under which keys the rows are."""
    present = 0
    previous: list[str] = []
    unreadable: list[str] = []
    for place in COLUMNS:
        for rows in _pages(engine, place):
            for name, secret in rows:
                if _opens(keys.present_cipher(place.purpose).decrypt, secret):
                    present += 1
                else:
                    known = _opens(keys.cipher(place.purpose).decrypt, secret)
                    (previous if known else unreadable).append(f"{place.table.name} {name}")
    return Standing(present, previous, unreadable)


def reencrypt(engine: Engine, keys: SecretKeys) -> int:
    """Puts all rows that can be read under the present key; how many were not. Can be repeated, and run twice at once."""
    return sum(_reencrypted(engine, keys, place, rows) for place in COLUMNS for rows in _pages(engine, place))


def _reencrypted(engine: Engine, keys: SecretKeys, place: Encrypted, rows: Sequence[tuple[str, str | bytes]]) -> int:
    ciphers, present = keys.cipher(place.purpose), keys.present_cipher(place.purpose)
    old = [row for row in rows if not _opens(present.decrypt, row[1]) and _opens(ciphers.decrypt, row[1])]
    if not old:
        return 0
    done = 0
    with writing(engine) as connection:
        for name, secret in old:
            fresh = ciphers.rotate(secret)
            # Only while it is what was read: it may be revoked or done already.
            change = update(place.table).where(place.table.c.id == name, place.column == secret)
            values = {place.column.name: fresh.decode() if isinstance(secret, str) else fresh}
            done += connection.execute(change.values(values)).rowcount
    return done


def _pages(engine: Engine, place: Encrypted) -> Iterator[Sequence[tuple[str, str | bytes]]]:
    last = ""
    while True:
        query = select(place.table.c.id, place.column).where(place.table.c.id > last).order_by(place.table.c.id)
        with reading(engine) as connection:
            rows = [(str(name), secret) for name, secret in connection.execute(query.limit(PAGE))]
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _opens(decrypt: Callable[[str | bytes], bytes], secret: str | bytes) -> bool:
    try:
        decrypt(secret)
    except InvalidToken:
        return False
    return True
