"""The installation's small certificate authority: it issues the certificate of the https port and of the message signatures.

Receivers of notifications trust `tls/ca.pem` of the data directory, unless a certificate of a known authority is configured.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipeline.errors import SetupError
from pipeline.settings import Settings

AUTHORITY_LIFE = timedelta(days=3650)
RENEW_AUTHORITY_BEFORE = timedelta(days=730)
"""Receivers have this long to take the new certificate; it has the key and the name of the old one, so that both vouch for the same."""
SERVER_LIFE = timedelta(days=397)
"""Longest life that common clients accept of a server. Source: CA/Browser Forum ballot SC31."""
SIGNING_LIFE = timedelta(days=1825)
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(hours=1)
"""For receivers whose clock is behind ours."""
EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared with, not bound to

PublicKey = RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Files of the https port.

    Attributes:
        cert_file: PEM chain.
        key_file: PEM private key.
        ca_file: What receivers have to trust; None: a configured certificate, which they are expected to trust already.
    """

    cert_file: Path
    key_file: Path
    ca_file: Path | None


def server_certificate(settings: Settings, now: datetime | None = None) -> ServerCertificate:
    """The configured certificate, else one issued for the names of this installation, renewed in time.

    Raises:
        SetupError: only one of certificate and key is configured, or a configured file is missing.
    """
    if settings.tls_cert_file is not None or settings.tls_key_file is not None:
        return _configured(settings.tls_cert_file, settings.tls_key_file)
    folder, moment = settings.data_dir / "tls", now or datetime.now(UTC)
    with _authority(folder, moment) as authority:
        files = ServerCertificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
        if not _serves(files, authority, _names(settings), moment):
            authority.issue_server(files, _names(settings), moment)
    return files


def signing_certificate(settings: Settings, public_key: RSAPublicKey, now: datetime) -> x509.Certificate:
    """A certificate for the key that signs messages; its subject is the host that publishes it."""
    host = urlsplit(settings.https_url).hostname or "localhost"
    with _authority(settings.data_dir / "tls", now) as authority:
        usage = _usage(digital_signature=True)
        return authority.issue(_name(f"{host} message signing"), public_key, now, SIGNING_LIFE, [(usage, True)])


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(
        self,
        subject: x509.Name,
        public_key: PublicKey,
        now: datetime,
        life: timedelta,
        extensions: Sequence[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        """A certificate of `public_key` that ends no later than ours."""
        end = min(now + life, self.certificate.not_valid_after_utc)
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        more: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), False),
            *extensions,
        ]
        return _build(subject, self.certificate.subject, public_key, now, end, more).sign(self.key, SHA256())

    def issue_server(self, files: ServerCertificate, names: Sequence[str], now: datetime) -> None:
        """Writes key and chain of a certificate for `names`."""
        key = ec.generate_private_key(ec.SECP256R1())
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.SubjectAlternativeName([_general(name) for name in names]), False),
            (_usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        ]
        certificate = self.issue(_name(names[0]), key.public_key(), now, SERVER_LIFE, extensions)
        _write(files.key_file, _private_pem(key), 0o600)
        _write(files.cert_file, _pem(certificate) + _pem(self.certificate), 0o644)


@contextmanager
def _authority(folder: Path, now: datetime) -> Iterator[_Authority]:
    """The authority, made on first use; while it is held, no other process makes or issues anything."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ca.pem").exists():
            _found(folder, now)
        certificate = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey), "as `_found` makes it"
        if certificate.not_valid_after_utc - RENEW_AUTHORITY_BEFORE <= now:
            certificate = _own_certificate(certificate.subject, key, now)
            _write(folder / "ca.pem", _pem(certificate), 0o644)
        yield _Authority(certificate, key)


def _found(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(folder / "ca.key", _private_pem(key), 0o600)
    certificate = _own_certificate(_name(f"Reelsight installation {os.urandom(4).hex()}"), key, now)
    _write(folder / "ca.pem", _pem(certificate), 0o644)


def _own_certificate(subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(key_cert_sign=True, crl_sign=True), True),
    ]
    builder = _build(subject, subject, key.public_key(), now, now + AUTHORITY_LIFE, extensions)
    return builder.sign(key, SHA256())


def _serves(files: ServerCertificate, authority: _Authority, names: Sequence[str], now: datetime) -> bool:
    """Whether the certificate that is there is ours, for these names, and not about to expire."""
    if not (files.cert_file.exists() and files.key_file.exists()):
        return False
    present = x509.load_pem_x509_certificate(files.cert_file.read_bytes())
    key = serialization.load_pem_private_key(files.key_file.read_bytes(), None)
    listed = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        set(listed) == {_general(name) for name in names}
        and present.public_key() == key.public_key()
        and present.not_valid_after_utc - RENEW_BEFORE > now
        and present.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
        == authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )


def _configured(cert_file: Path | None, key_file: Path | None) -> ServerCertificate:
    if cert_file is None or key_file is None:
        raise SetupError("set both REELSIGHT_TLS_CERT_FILE and REELSIGHT_TLS_KEY_FILE, or neither")
    for path in (cert_file, key_file):
        if not path.is_file():
            raise SetupError(f"{path} does not exist")
    return ServerCertificate(cert_file, key_file, None)


def _names(settings: Settings) -> Sequence[str]:
    """Host names and addresses by which the https port is reached, the public one first."""
    urls = [url for url in (settings.public_https_url, settings.public_url) if url is not None]
    hosts = [*(urlsplit(url).hostname or "" for url in urls), settings.host, "localhost", "127.0.0.1", "::1"]
    return [host for host in dict.fromkeys(hosts) if host not in EVERYWHERE]


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))


def _build(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    now: datetime,
    end: datetime,
    extensions: Sequence[tuple[x509.ExtensionType, bool]],
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common_name: str) -> x509.Name:
    """A subject of that name, cut to the 64 characters X.509 allows."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Puts the file there whole, with its mode from the beginning."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
    Path(name).replace(path)
