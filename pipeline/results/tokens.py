"""Page tokens: opaque, signed, bound to the result they continue, good for a day."""

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import datetime, timedelta

from pipeline.errors import RequestError
from pipeline.secrets import SecretKeys

_BODY = struct.Struct(">BQQ")  # version, expiry in epoch seconds, offset
_VERSION = 1
_MAC_BYTES = 16


class PageTokens:
    """Makes and reads NextToken values of at most 255 characters."""

    def __init__(self, secret_keys: SecretKeys, ttl: timedelta) -> None:
        self._secret_keys = secret_keys
        self._ttl = ttl

    def make(self, context: tuple[str, ...], offset: int, now: datetime) -> str:
        """The token that continues the list named by `context` at item `offset`."""
        body = _BODY.pack(_VERSION, int((now + self._ttl).timestamp()), offset)
        return base64.urlsafe_b64encode(body + self._macs(context, body)[0]).decode()

    def read(self, token: str, context: tuple[str, ...], now: datetime) -> int:
        """The offset that the token stands for.

        Raises:
            RequestError: the token was altered, belongs to another list or is too old.
        """
        raw = _decoded(token)
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        if len(raw) != _BODY.size + _MAC_BYTES or not any(
            hmac.compare_digest(mac, ours) for ours in self._macs(context, body)
        ):
            raise _invalid()
        version, expiry, offset = _BODY.unpack(body)
        if version != _VERSION or now.timestamp() >= expiry:
            raise _invalid()
        return int(offset)

    def _macs(self, context: tuple[str, ...], body: bytes) -> list[bytes]:
        """Signatures under each secret key that is accepted, the present one first."""
        bound = b"".join(struct.pack(">I", len(part.encode())) + part.encode() for part in context)
        keys = self._secret_keys.derived("page-tokens")
        return [hmac.digest(key, bound + body, hashlib.sha256)[:_MAC_BYTES] for key in keys]


def _decoded(token: str) -> bytes:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _invalid() from None
    # Base64 has spare bits at the end: only the spelling that we make is valid.
    if base64.urlsafe_b64encode(raw).decode() != token:
        raise _invalid()
    return raw


def _invalid() -> RequestError:
    return RequestError("InvalidPaginationTokenException", "Invalid Pagination Token")
