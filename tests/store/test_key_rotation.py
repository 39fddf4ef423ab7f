"""The installation's own keys are replaced while it works, on both databases."""

import itertools
import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from sqlalchemy import Engine, update

from api.cli import main
from pipeline.errors import RequestError, SetupError
from pipeline.machines.shared import shared_settings
from pipeline.notify.certificates import AUTHORITY_LIFE, RENEW_AUTHORITY_BEFORE, server_certificate
from pipeline.notify.keyring import Keyring, certificate_path
from pipeline.results.tokens import PageTokens
from pipeline.secrets import SecretKeys, begin_new_key, forget_previous_keys, key_file, load_secret_key, secret_keys
from pipeline.settings import Settings, settings_of
from pipeline.store import machines
from pipeline.store.engine import writing
from pipeline.store.keys import AccessKey, KeyStore
from pipeline.store.metadata import utcnow
from pipeline.store.reencryption import COLUMNS, reencrypt, standing
from pipeline.store.schema import access_keys
from tests.support.databases import database_url, engine, postgres_server

__all__ = ["database_url", "engine", "postgres_server"]

OLD, NEW, FOREIGN = b"o" * 32, b"n" * 32, b"f" * 32
DAY = timedelta(days=1)


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """An installation whose secret key is in its data directory."""
    return Settings(data_dir=tmp_path, database_url=database_url)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs commands on it."""
    monkeypatch.setenv("REELSIGHT_DATABASE_URL", settings.sqlalchemy_url)
    return CliRunner()


def rotate(run: CliRunner, settings: Settings, *options: str) -> str:
    """Output of `keys rotate-secret`; a refusal is raised."""
    arguments = ["keys", "rotate-secret", "--data-dir", str(settings.data_dir), *options]
    ended = run.invoke(main, arguments)
    if ended.exit_code:
        raise SetupError(ended.output)
    return ended.output


def test_processes_that_run_use_the_new_key_at_once(settings: Settings, engine: Engine, run: CliRunner) -> None:
    """They hold what they made before the rotation, as a server does."""
    keys, tokens = KeyStore(engine, secret_keys(settings)), PageTokens(secret_keys(settings), DAY)
    ring = Keyring(engine, settings)
    before, now = load_secret_key(settings), utcnow()
    made = [keys.create("111122223333") for _ in range(5)]
    token, url = tokens.make(("list",), 7, now), ring.signer(now).certificate_url
    assert "6 keys" in rotate(run, settings)
    assert load_secret_key(settings) != before
    assert list(keys.list()) == made
    assert tokens.read(token, ("list",), now) == 7
    assert ring.signer(now).certificate_url == url
    assert standing(engine, SecretKeys.of(load_secret_key(settings))).present == 6
    rotate(run, settings, "--forget-previous")
    assert secret_keys(settings).read() == (load_secret_key(settings),)
    assert list(keys.list()) == made
    assert ring.signer(now).certificate_url == url
    with pytest.raises(RequestError):
        tokens.read(token, ("list",), now)
    assert tokens.read(tokens.make(("list",), 8, now), ("list",), now) == 8
    assert key_file(settings).stat().st_mode & 0o777 == 0o600


def test_an_interrupted_rotation_goes_on_with_the_key_it_began(
    settings: Settings, engine: Engine, run: CliRunner
) -> None:
    made = KeyStore(engine, secret_keys(settings)).create("111122223333")
    begin_new_key(settings)  # and killed
    begun = secret_keys(settings).read()
    with pytest.raises(SetupError, match="1 keys are not under the present one"):
        rotate(run, settings, "--forget-previous")
    assert "1 keys" in rotate(run, settings)
    assert secret_keys(settings).read() == begun
    rotate(run, settings, "--forget-previous")
    assert KeyStore(engine, secret_keys(settings)).find(made.id) == made


def test_machines_that_would_keep_the_old_key_are_named(settings: Settings, engine: Engine, run: CliRunner) -> None:
    made = KeyStore(engine, secret_keys(settings)).create("111122223333")
    before = secret_keys(settings).read()
    with writing(engine) as connection:
        machine = machines.add(connection, "far.example", ["notify"], "0", 2, "cpu")
    with pytest.raises(SetupError, match=r"far\.example.*--again"):
        rotate(run, settings)
    assert secret_keys(settings).read() == before
    assert "far.example" in rotate(run, settings, "--force")
    assert secret_keys(settings).read()[1:] == before
    assert KeyStore(engine, SecretKeys.of(load_secret_key(settings))).find(made.id) == made
    told = settings_of(None, **shared_settings(settings, None))  # who joins again knows both
    assert secret_keys(told).read() == secret_keys(settings).read()
    rotate(run, settings, "--forget-previous")
    machines.forget(engine, machine.id)
    assert "1 keys" in rotate(run, settings)


def test_keys_that_are_used_made_and_revoked_meanwhile_stay_right(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.store.reencryption.PAGE", 5)
    both = SecretKeys.of(NEW, OLD)
    store = KeyStore(engine, both)
    made = [KeyStore(engine, SecretKeys.of(OLD)).create("111122223333") for _ in range(20)]
    errors: list[BaseException] = []
    found: list[AccessKey | None] = []
    revoked: list[str] = []
    ended = threading.Event()

    def serve() -> None:
        try:
            for key in itertools.cycle(made[10:]):
                found.append(store.find(key.id))
                if len(revoked) < 5:
                    revoked.append(made[len(revoked)].id)
                    assert store.revoke(revoked[-1])
                elif ended.is_set():
                    return
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=serve), *(threading.Thread(target=reencrypt, args=(engine, both)) for _ in "12")]
    for thread in threads:
        thread.start()
    for thread in threads[1:]:
        thread.join()
    ended.set()
    threads[0].join()
    assert errors == []
    assert None not in found
    after = standing(engine, SecretKeys.of(NEW))
    assert (after.present, after.previous, after.unreadable) == (15, [], [])
    assert list(KeyStore(engine, SecretKeys.of(NEW)).list()) == [key for key in made if key.id not in revoked]


def test_machines_that_were_told_of_both_keys_understand_each_other(engine: Engine) -> None:
    """The order of docs/operations.md: first all accept the new key, then all use it, then it is alone."""
    before, between, after = SecretKeys.of(OLD, NEW), SecretKeys.of(NEW, OLD), SecretKeys.of(NEW)
    now = utcnow()
    for writer, reader in itertools.permutations((before, between), 2):
        made = KeyStore(engine, writer).create("111122223333")
        assert KeyStore(engine, reader).find(made.id) == made
        assert PageTokens(reader, DAY).read(PageTokens(writer, DAY).make(("a",), 3, now), ("a",), now) == 3
    assert reencrypt(engine, between) == 1
    assert reencrypt(engine, between) == 0
    assert len(list(KeyStore(engine, after).list())) == 2


def test_rows_that_no_key_opens_stop_the_rotation_and_stay(settings: Settings, engine: Engine, run: CliRunner) -> None:
    foreign = KeyStore(engine, SecretKeys.of(FOREIGN)).create("111122223333")
    mine = KeyStore(engine, secret_keys(settings)).create("111122223333")
    before = secret_keys(settings).read()
    with pytest.raises(SetupError, match=f"access_keys {foreign.id}"):
        rotate(run, settings)
    assert secret_keys(settings).read() == before
    assert KeyStore(engine, SecretKeys.of(FOREIGN)).find(foreign.id) == foreign
    assert KeyStore(engine, SecretKeys.of(*before)).find(mine.id) == mine
    with writing(engine) as connection:
        connection.execute(update(access_keys).where(access_keys.c.id == foreign.id).values(secret="no token"))
    with pytest.raises(SetupError, match=foreign.id):
        rotate(run, settings)


def test_a_configured_key_is_not_replaced_but_put_to_use(
    settings: Settings, engine: Engine, run: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = KeyStore(engine, SecretKeys.of(OLD)).create("111122223333")
    monkeypatch.setenv("REELSIGHT_SECRET_KEY", NEW.decode())
    monkeypatch.setenv("REELSIGHT_PREVIOUS_SECRET_KEYS", f"{FOREIGN.decode()}\n{OLD.decode()}")
    assert secret_keys(Settings(data_dir=settings.data_dir)).read() == (NEW, FOREIGN, OLD)
    assert "1 keys" in rotate(run, settings)
    with pytest.raises(SetupError, match="take the old keys out"):
        rotate(run, settings, "--forget-previous")
    assert KeyStore(engine, SecretKeys.of(NEW)).find(made.id) == made
    assert not key_file(settings).exists()


def test_short_previous_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="REELSIGHT_PREVIOUS_SECRET_KEYS must hold"):
        secret_keys(Settings(data_dir=tmp_path, secret_key=NEW.decode(), previous_secret_keys="short"))


def test_keys_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = load_secret_key(settings)
    threads = [threading.Thread(target=begin_new_key, args=(settings,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(secret_keys(settings).read())) == 7
    assert secret_keys(settings).read()[-1] == first
    forget_previous_keys(settings)
    assert len(secret_keys(settings).read()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_a_new_signing_key_signs_and_the_old_certificate_stays(
    settings: Settings, engine: Engine, run: CliRunner
) -> None:
    ring, now = Keyring(engine, settings), utcnow()
    old = ring.signer(now).certificate_url
    ended = run.invoke(main, ["keys", "rotate-signing", "--data-dir", str(settings.data_dir)])
    new = json.loads(ended.output)["Certificate"]
    assert new != old
    assert ring.signer(now).certificate_url == new  # of a process that ran before
    for url in (old, new):
        key_id = url.removeprefix(settings.https_url + certificate_path("")[: -len(".pem")]).removesuffix(".pem")
        assert "BEGIN CERTIFICATE" in (ring.certificate(key_id) or "")


def test_every_encrypted_column_is_known_to_the_rotation() -> None:
    """Whoever encrypts something else adds it to `COLUMNS`."""
    sources = [path for folder in ("api", "pipeline", "workers") for path in Path(folder).rglob("*.py")]
    encrypting = {path.name for path in sources if ".encrypt(" in path.read_text("utf-8")}
    assert encrypting == {"keys.py", "keyring.py"}
    assert {place.table.name for place in COLUMNS} == {"access_keys", "signing_keys"}


def test_receivers_that_trust_the_old_authority_go_on_while_they_take_the_new_one(tmp_path: Path) -> None:
    settings, now = Settings(data_dir=tmp_path), utcnow()
    old = server_certificate(settings, now).ca_file
    assert old is not None
    trusted = x509.load_pem_x509_certificate(old.read_bytes())
    assert server_certificate(settings, now + DAY).ca_file == old
    assert x509.load_pem_x509_certificate(old.read_bytes()) == trusted
    later = now + AUTHORITY_LIFE - RENEW_AUTHORITY_BEFORE + DAY
    files = server_certificate(settings, later)
    renewed = x509.load_pem_x509_certificate(old.read_bytes())
    assert renewed.not_valid_after_utc == (later + AUTHORITY_LIFE).replace(microsecond=0)
    leaf, *chain = x509.load_pem_x509_certificates(files.cert_file.read_bytes())
    for authority in (trusted, renewed):
        policy = PolicyBuilder().store(Store([authority])).time(later)
        policy.build_server_verifier(x509.DNSName("localhost")).verify(leaf, chain)
