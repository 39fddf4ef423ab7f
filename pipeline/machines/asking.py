"""The side of the machine that joins: asks an installation for its settings, and keeps what it is told."""

import json
import os
import re
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from pipeline.errors import SetupError
from pipeline.machines.shared import OWN
from pipeline.settings import Settings
from pipeline.settings_sources import MACHINE_FILE

ANSWER_S = 20.0
MAX_BYTES = 256 * 1024
PIN = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the installation said.

    Attributes:
        machine: The id that this machine has there.
        version: Of Reelsight, over there.
        queues: What this machine is to take.
        settings: Those that hold for all machines, as JSON has them; secrets are among them.
        notes: What has to be seen to here.
    """

    machine: str
    version: str
    queues: Sequence[str]
    settings: Mapping[str, Any]
    notes: Sequence[str]


class _Direct(urllib.request.HTTPRedirectHandler):
    """Follows no redirects: the code is for the one who was named."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(url: str, request: Mapping[str, Any], pin: str | None) -> Answer:
    """The installation's answer to a machine that wants to join.

    Args:
        url: https://HOST:PORT of an api of the installation.
        request: What its door takes, see `pipeline.machines.joining.Asking`.
        pin: SHA-256 of the certificate of its authority, in hex; None: the system trusts it.

    Raises:
        SetupError: it cannot be reached, is not who it should be, or refuses; the message never has the code in it.
    """
    base = _base(url)
    trusted = ssl.create_default_context(cadata=_authority(base, pin)) if pin else ssl.create_default_context()
    posted = urllib.request.Request(  # noqa: S310 - https, see `_base`
        f"{base}/machines/join", json.dumps(request).encode(), {"Content-Type": "application/json"}
    )
    try:
        answer = json.loads(_fetched(posted, trusted))
        lists = [list(map(str, answer[name])) for name in ("queues", "notes")]
        return Answer(str(answer["machine"]), str(answer["version"]), lists[0], dict(answer["settings"]), lists[1])
    except (ValueError, KeyError, TypeError):
        raise SetupError(f"{base} does not answer as Reelsight does") from None


def keep(data_dir: Path, url: str, answer: Answer) -> list[str]:
    """Writes what every process of this data directory needs to `machine.json`, for its owner alone; what could not be taken over.

    Raises:
        SetupError: the settings do not fit this version.
    """
    known = {n: v for n, v in answer.settings.items() if n in Settings.model_fields and n not in OWN}
    try:
        Settings(data_dir=data_dir, **known)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise SetupError(
            f"the installation's setting {first['loc'][0]} is not understood here: {first['msg']}"
        ) from None
    content = {"deployment": url, "machine": answer.machine, "queues": list(answer.queues), "settings": known}
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, part = tempfile.mkstemp(dir=data_dir, prefix=f".{MACHINE_FILE}")  # mode 0600
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(descriptor)
    Path(part).replace(data_dir / MACHINE_FILE)
    return sorted(set(answer.settings) - set(known))


def queues_of(data_dir: Path) -> tuple[str, ...] | None:
    """What this machine was invited to take; None: it has not joined."""
    try:
        return tuple(json.loads((data_dir / MACHINE_FILE).read_text("utf-8"))["queues"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise SetupError(
            f"{data_dir / MACHINE_FILE} is damaged; remove it and join again with a new invitation."
        ) from None


def fingerprint(pem: bytes) -> str:
    """What `--ca-sha256` takes: SHA-256 of the certificate, in hex.

    Raises:
        ValueError: it is none.
    """
    return x509.load_pem_x509_certificate(pem).fingerprint(SHA256()).hex()


def pinned(pem: bytes, pin: str) -> str | None:
    """PEM of the certificate with that fingerprint and of nothing else: who is in between may have added an authority of his own.

    None: the first certificate has another.

    Raises:
        ValueError: it is none.
    """
    found = x509.load_pem_x509_certificate(pem)
    return found.public_bytes(Encoding.PEM).decode("ascii") if found.fingerprint(SHA256()).hex() == pin else None


def _authority(base: str, pin: str) -> str:
    """PEM of the authority with that fingerprint; from whom it came does not matter."""
    if not PIN.fullmatch(pin):
        raise SetupError("--ca-sha256 takes 64 hexadecimal digits, as `reelsight machines invite` prints them")
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    pem = _fetched(urllib.request.Request(f"{base}/machines/ca.pem"), anybody)  # noqa: S310 - https, see `_base`
    try:
        authority = pinned(pem, pin)
    except ValueError:
        raise SetupError(f"{base} does not answer as Reelsight does") from None
    if authority is None:
        raise SetupError(
            f"{base} is not the installation that made the invitation: its authority has SHA-256 {fingerprint(pem)}, "
            f"not {pin}; somebody may be in between"
        )
    return authority


def _reason(error: Exception) -> object:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"{reason.verify_message}; `reelsight machines invite` prints --ca-sha256 for an authority of its own"
    return reason


def _fetched(request: urllib.request.Request, trusted: ssl.SSLContext) -> bytes:
    where = f"https://{request.host}"
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusted), _Direct())
    try:
        with opener.open(request, timeout=ANSWER_S) as response:
            return bytes(response.read(MAX_BYTES))
    except urllib.error.HTTPError as error:
        raise SetupError(f"{where} refuses: {_message(error)}") from None
    except (urllib.error.URLError, HTTPException, OSError) as error:
        raise SetupError(f"{where} cannot be reached or trusted: {_reason(error)}") from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(MAX_BYTES))["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code}"


def _base(url: str) -> str:
    parts = urlsplit(url.rstrip("/"))
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query or parts.username:
        raise SetupError(f"{url!r} is not of the form https://HOST:PORT")
    return f"https://{parts.netloc}"
