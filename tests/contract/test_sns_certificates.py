"""The installation's authority, the certificates it issues and the keys that sign."""

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from sqlalchemy import Engine

from pipeline.errors import SetupError
from pipeline.notify.certificates import RENEW_BEFORE, SERVER_LIFE, SIGNING_LIFE, ServerCertificate, server_certificate
from pipeline.notify.keyring import Keyring
from pipeline.settings import Settings
from pipeline.store.engine import writing
from pipeline.store.notify_schema import signing_keys
from tests.support.databases import database_url, engine, postgres_server
from tests.support.sns_installation import installed

__all__ = ["database_url", "engine", "postgres_server"]  # fixtures

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def leaf(files: ServerCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificates(files.cert_file.read_bytes())[0]


def names(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def test_the_server_certificate_names_every_way_in(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, host="0.0.0.0", public_https_url="https://films.example:8443")
    certificate = leaf(server_certificate(settings))
    assert names(certificate) == {"films.example", "localhost", "127.0.0.1", "::1"}


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    files = server_certificate(Settings(data_dir=tmp_path))
    for path in (files.key_file, tmp_path / "tls" / "ca.key"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_chain_verifies_strictly_and_over_the_wire(tmp_path: Path) -> None:
    with installed(tmp_path) as one:
        trust = ssl.create_default_context(cafile=str(one.ca_file))
        trust.verify_flags |= ssl.VERIFY_X509_STRICT
        answer = httpx.get(f"{one.services.settings.https_url}/?Action=ListTopics", verify=trust)
        assert answer.status_code == 403


def test_the_certificate_stays_until_it_is_about_to_expire(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first = leaf(server_certificate(settings, NOW))
    assert leaf(server_certificate(settings, NOW + SERVER_LIFE - RENEW_BEFORE - timedelta(days=1))) == first
    renewed = leaf(server_certificate(settings, NOW + SERVER_LIFE - RENEW_BEFORE + timedelta(days=1)))
    assert renewed.not_valid_after_utc > first.not_valid_after_utc


def test_another_name_or_another_authority_makes_another_certificate(tmp_path: Path) -> None:
    first = leaf(server_certificate(Settings(data_dir=tmp_path)))
    second = leaf(server_certificate(Settings(data_dir=tmp_path, public_https_url="https://films.example")))
    assert names(second) - names(first) == {"films.example"}
    (tmp_path / "tls" / "ca.pem").unlink()
    third = server_certificate(Settings(data_dir=tmp_path, public_https_url="https://films.example"))
    assert third.ca_file is not None
    authority = x509.load_pem_x509_certificate(third.ca_file.read_bytes())
    leaf(third).verify_directly_issued_by(authority)


def test_processes_that_start_at_once_make_one_authority(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        barrier = threading.Barrier(6)

        def start(_number: int) -> bytes:
            barrier.wait()
            return server_certificate(Settings(data_dir=tmp_path)).cert_file.read_bytes()

        assert len(set(pool.map(start, range(6)))) == 1


def test_a_configured_certificate_is_used_as_it_is(tmp_path: Path) -> None:
    made = server_certificate(Settings(data_dir=tmp_path / "elsewhere"))
    settings = Settings(data_dir=tmp_path / "data", tls_cert_file=made.cert_file, tls_key_file=made.key_file)
    assert server_certificate(settings) == ServerCertificate(made.cert_file, made.key_file, None)
    with pytest.raises(SetupError, match="both"):
        server_certificate(Settings(data_dir=tmp_path, tls_cert_file=made.cert_file))
    with pytest.raises(SetupError, match="does not exist"):
        server_certificate(Settings(data_dir=tmp_path, tls_cert_file=made.cert_file, tls_key_file=tmp_path / "no"))


def test_all_machines_sign_with_one_key_and_publish_it(tmp_path: Path, engine: Engine) -> None:
    secret = "s" * 40
    machines = [
        Keyring(engine, Settings(data_dir=tmp_path / name, secret_key=secret, public_https_url="https://films.example"))
        for name in "ab"
    ]
    with ThreadPoolExecutor(2) as pool:
        signers = list(pool.map(lambda machine: machine.signer(NOW), machines))
    assert signers[0].certificate_url == signers[1].certificate_url
    assert signers[0].key.private_numbers() == signers[1].key.private_numbers()
    key_id = signers[0].certificate_url.removeprefix("https://films.example/SimpleNotificationService-")[: -len(".pem")]
    pem = machines[1].certificate(key_id)
    assert pem is not None
    assert x509.load_pem_x509_certificate(pem.encode()).public_key() == signers[0].key.public_key()
    with engine.connect() as connection:
        assert b"PRIVATE KEY" not in connection.execute(signing_keys.select()).mappings().one()["private_key"]


def test_a_key_that_is_about_to_expire_is_replaced_and_stays_published(tmp_path: Path, engine: Engine) -> None:
    keyring = Keyring(engine, Settings(data_dir=tmp_path))
    old = keyring.signer(NOW).certificate_url
    assert keyring.signer(NOW + timedelta(days=1000)).certificate_url == old
    new = keyring.signer(NOW + SIGNING_LIFE - timedelta(days=1)).certificate_url
    assert new != old
    assert all(keyring.certificate(url.rpartition("-")[2][: -len(".pem")]) for url in (old, new))


def test_another_secret_key_is_told_and_not_papered_over(tmp_path: Path) -> None:
    with installed(tmp_path) as one:
        Keyring(one.services.engine, one.services.settings).signer(NOW)
        other = Settings(data_dir=tmp_path, secret_key="x" * 40)
        with pytest.raises(SetupError, match="REELSIGHT_SECRET_KEY"):
            Keyring(one.services.engine, other).signer(NOW)


def test_the_certificate_is_served_for_ever_under_its_name(tmp_path: Path) -> None:
    with installed(tmp_path) as one:
        url = Keyring(one.services.engine, one.services.settings).signer(datetime.now(UTC)).certificate_url
        trust = ssl.create_default_context(cafile=str(one.ca_file))
        answer = httpx.get(url, verify=trust)
        assert "immutable" in answer.headers["cache-control"]
        assert x509.load_pem_x509_certificate(answer.content).not_valid_before_utc < datetime.now(UTC)
        for other in (url[: -len("0.pem")] + "x.pem", url.replace(".pem", "%00.pem")):
            assert httpx.get(other, verify=trust).status_code == 404


def test_a_key_removed_by_hand_is_made_anew(tmp_path: Path, engine: Engine) -> None:
    keyring = Keyring(engine, Settings(data_dir=tmp_path))
    first = keyring.signer(NOW).certificate_url
    with writing(engine) as connection:
        connection.execute(signing_keys.delete())
    assert keyring.signer(NOW).certificate_url != first
