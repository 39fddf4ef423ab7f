"""Signatures of SNS messages."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from pipeline.notify.message import Kind

Version = Literal["1", "2"]

KEPT = 1024
"""Signatures that are remembered."""

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def string_to_sign(message: Mapping[str, Any]) -> bytes:
    r"""`Key\nValue\n` for each signed member that is present, in byte order.

    Source: Amazon SNS Developer Guide, "Verifying the signatures of Amazon SNS messages". `UnsubscribeConfirmation` is signed
    with its Token, as the guide says; npm's sns-validator leaves the token out there and refuses AWS's own messages too.
    """
    members = _NOTIFICATION if message["Type"] == Kind.NOTIFICATION else _CONFIRMATION
    return "".join(f"{name}\n{message[name]}\n" for name in members if name in message).encode()


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and where its certificate is published."""

    key: RSAPrivateKey
    certificate_url: str
    _signatures: dict[tuple[Version, bytes], str] = field(default_factory=dict)

    def signed(self, message: Mapping[str, Any], version: Version) -> dict[str, Any]:
        """The message with SignatureVersion, Signature and SigningCertURL.

        Version 1 is RSA PKCS #1 v1.5 with SHA-1, the default of SNS; version 2 is with SHA-256.
        """
        return {
            **message,
            "SignatureVersion": version,
            "Signature": self._signature(string_to_sign(message), version),
            "SigningCertURL": self.certificate_url,
        }

    def _signature(self, text: bytes, version: Version) -> str:
        """All subscriptions of a topic get the same text: it is signed once."""
        known = (version, sha256(text).digest())
        signature = self._signatures.get(known)
        if signature is None:
            algorithm = SHA256() if version == "2" else SHA1()  # noqa: S303 - what SignatureVersion 1 means
            signature = base64.b64encode(self.key.sign(text, PKCS1v15(), algorithm)).decode()
            if len(self._signatures) >= KEPT:
                self._signatures.clear()
            self._signatures[known] = signature
        return signature
