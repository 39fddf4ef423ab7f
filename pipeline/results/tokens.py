"""Page tokens: opaque, signed, bound to the result they continue, good for a day."""

import base64
import binascii
import hashlib
import hmac
import struct
from datetime import datetime, timedelta

from pipeline.errors import RequestError
from pipeline.secrets import derive

_BODY = struct.Struct(">BQQ")  # version, expiry in epoch seconds, offset
_VERSION = 1
_MAC_BYTES = 16


class PageTokens:
    """Makes and reads NextToken values of at most 255 characters."""

    def __init__(self, secret_key: bytes, ttl: timedelta) -> None:
        self._key = derive(secret_key, "page-tokens")
        self._ttl = ttl

    def make(self, context: tuple[str, ...], offset: int, now: datetime) -> str:
        """The token that continues the list named by `context` at item `offset`."""
        body = _BODY.pack(_VERSION, int((now + self._ttl).timestamp()), offset)
        return base64.urlsafe_b64encode(body + self._mac(context, body)).decode()

    def read(self, token: str, context: tuple[str, ...], now: datetime) -> int:
        """The offset that the token stands for.

        Raises:
            RequestError: the token was altered, belongs to another list or is too old.
        """
        raw = _decoded(token)
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        if len(raw) != _BODY.size + _MAC_BYTES or not hmac.compare_digest(mac, self._mac(context, body)):
            raise _invalid()
        version, expiry, offset = _BODY.unpack(body)
        if version != _VERSION or now.timestamp() >= expiry:
            raise _invalid()
        return int(offset)

    def _mac(self, context: tuple[str, ...], body: bytes) -> bytes:
        bound = b"".join(struct.pack(">I", len(part.encode())) + part.encode() for part in context)
        return hmac.digest(self._key, bound + body, hashlib.sha256)[:_MAC_BYTES]


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
