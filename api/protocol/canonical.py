"""What AWS Signature Version 4 covers of a request, and the value it has.

Source: AWS General Reference, "Create a signed AWS API request".
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from urllib.parse import quote, unquote_plus

ALGORITHM = "AWS4-HMAC-SHA256"
BYTES = "surrogateescape"
"""How bytes that are not UTF-8 stand in the texts of a request, so that none is lost."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What of a request a signature covers, as it came over the wire.

    Attributes:
        method: GET or POST.
        path: Percent-encoded, without the query; this and all texts are UTF-8 with other bytes as `BYTES` says.
        query: Without the question mark.
        headers: Lower-case names and values, in order, repeats allowed.
        body: Whole.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]] = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The values of the header joined by commas; None: absent."""
        values = [_trimmed(v) for n, v in self.headers if n == name]
        return ",".join(values) if values else None

    @property
    def is_presigned(self) -> bool:
        """Whether the signature is in the query."""
        return "X-Amz-Algorithm" in self.parameters

    @property
    def parameters(self) -> Mapping[str, str]:
        """The query's names and values, decoded; of a repeated name the last value."""
        pairs = (part.partition("=") for part in self.query.split("&"))
        return {_unquoted(name): _unquoted(value) for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature and what it claims to cover.

    Attributes:
        key_id: Access key id.
        scope: date/region/service/aws4_request.
        signed_headers: Lower-case names in the order given.
        value: 64 hex digits.
        date: ISO 8601 basic format, UTC.
        expires: How long a presigned request is good for; None: in a header.
    """

    key_id: str
    scope: str
    signed_headers: tuple[str, ...]
    value: str = field(repr=False)
    date: str
    expires: timedelta | None = None

    @property
    def service(self) -> str:
        """Service of the scope."""
        return self.scope.split("/")[2]


def canonical_requests(request: SignedRequest, signature: Signature, public_hosts: Iterable[str] = ()) -> list[str]:
    """The texts that the client may have signed: one, unless the query or the host allows two readings."""
    hosts = dict.fromkeys([request.header("host") or "", *public_hosts])
    payload = hashlib.sha256(request.body).hexdigest()
    path = _quoted(_normalized(request.path), "/~")
    return [
        "\n".join(
            [
                request.method,
                path,
                query,
                *(
                    f"{name}:{host if name == 'host' else request.header(name) or ''}"
                    for name in signature.signed_headers
                ),
                "",
                ";".join(signature.signed_headers),
                payload,
            ]
        )
        for query, host in product(_canonical_queries(request.query), hosts)
    ]


def sign(secret: str, signature: Signature, canonical_request: str) -> str:
    """The signature value that the secret gives this text."""
    key = f"AWS4{secret}".encode()
    for part in signature.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    digest = hashlib.sha256(canonical_request.encode(errors=BYTES)).hexdigest()
    text = f"{ALGORITHM}\n{signature.date}\n{signature.scope}\n{digest}"
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _canonical_queries(query: str) -> list[str]:
    """The two readings of a query that clients sign, mostly one and the same.

    AWS prescribes to decode every name and value and to encode them anew; a plus sign is a space, as it is to whoever
    reads the parameters afterwards, so that nobody can pass one off as the other. botocore sorts what stands in its URL
    and leaves it as it is.
    """
    parts = [part.partition("=")[::2] for part in query.split("&")] if query else []
    raw = [(name, value) for name, value in parts if name != "X-Amz-Signature"]
    anew = [(_quoted(_unquoted(name)), _quoted(_unquoted(value))) for name, value in raw if name]
    return list(dict.fromkeys("&".join(f"{n}={v}" for n, v in sorted(reading)) for reading in (anew, raw)))


def _normalized(path: str) -> str:
    """The path without `.`, `..` and doubled slashes; a slash at its end stays."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in {"", "."}:
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _quoted(text: str, safe: str = "-_.~") -> str:
    return quote(text, safe=safe, errors=BYTES)


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors=BYTES)


def _trimmed(value: str) -> str:
    return " ".join(value.split())
