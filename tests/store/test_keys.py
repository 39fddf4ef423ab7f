"""Access keys, on both databases."""

import pytest
from sqlalchemy import Engine, select

from pipeline.errors import RequestError, SetupError
from pipeline.secrets import SecretKeys
from pipeline.store.engine import reading
from pipeline.store.keys import KeyStore
from pipeline.store.schema import access_keys
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

SECRET_KEY = b"a secret key of the installation"


def test_a_key_is_found_with_its_secret_and_account(engine: Engine) -> None:
    made = KeyStore(engine, SecretKeys.of(SECRET_KEY)).create("111122223333")
    assert KeyStore(engine, SecretKeys.of(SECRET_KEY)).find(made.id) == made
    assert len(made.id) == 20
    assert made.id.startswith("AKIA")
    assert len(made.secret) == 40


def test_the_secret_is_neither_stored_nor_shown_in_the_clear(engine: Engine) -> None:
    made = KeyStore(engine, SecretKeys.of(SECRET_KEY)).create("111122223333")
    with reading(engine) as connection:
        row = connection.execute(select(access_keys)).one()
    assert made.secret not in str(tuple(row))
    assert made.secret not in repr(made)


def test_a_revoked_key_is_gone(engine: Engine) -> None:
    keys = KeyStore(engine, SecretKeys.of(SECRET_KEY))
    kept, revoked = keys.create("111122223333"), keys.create("444455556666")
    assert keys.revoke(revoked.id)
    assert not keys.revoke(revoked.id)
    assert keys.find(revoked.id) is None
    assert list(keys.list()) == [kept]


@pytest.mark.parametrize(
    "account", ["", "123", "1234567890123", "12345678901a", "１２３４５６７８９０１２", "123456789012\n"]
)
def test_accounts_have_twelve_digits(engine: Engine, account: str) -> None:
    with pytest.raises(RequestError) as caught:
        KeyStore(engine, SecretKeys.of(SECRET_KEY)).create(account)
    assert caught.value.code == "InvalidParameterException"


def test_another_secret_key_says_what_is_wrong(engine: Engine) -> None:
    made = KeyStore(engine, SecretKeys.of(SECRET_KEY)).create("111122223333")
    with pytest.raises(SetupError, match="REELSIGHT_SECRET_KEY"):
        KeyStore(engine, SecretKeys.of(b"b" * 32)).find(made.id)
