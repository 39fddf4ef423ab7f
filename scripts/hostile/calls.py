"""Mutated requests as they go over the wire: JSON and forms, targets and types, signatures."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import quote, quote_from_bytes

from scripts.hostile.values import BROKEN_TEXTS, DEEP

JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
DATES = (
    "",
    "20",
    "00010101T000000Z",
    "99991231T235959Z",
    "20260230T000000Z",
    "19700101T000000Z",
    "2026-01-01T00:00:00Z",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "\u0661" * 8,
    "00000000T000000Z",
    "20261121T999999Z",
    "1" * 5000,
)


@dataclass(slots=True)
class Wire:
    """A request, not yet signed.

    Attributes:
        name: Operation, for reports.
        service: What it is signed for.
        headers: Signed ones.
        body: Bytes.
        kind: Of harm.
        method: HTTP method.
        path: Of the URL, and its query.
        sign: How the signature is harmed; empty: it is right.
    """

    name: str
    service: str
    headers: dict[str, str]
    body: bytes
    kind: str
    method: str = "POST"
    path: str = "/"
    sign: str = ""
    extra: list[tuple[str, str]] = field(default_factory=list)


def json_call(name: str, request: Any, kind: str) -> Wire:
    """A request of the JSON protocol."""
    # Not strict: NaN and halves of surrogate pairs are sent as they are spelt.
    return Wire(
        name,
        "rekognition",
        {"x-amz-target": f"RekognitionService.{name}", "content-type": JSON},
        json.dumps(request).encode(),
        kind,
    )


def form_call(name: str, fields: Sequence[tuple[str, str]], kind: str) -> Wire:
    """A request of the query protocol."""
    body = "&".join(
        f"{quote(key, errors='surrogatepass')}={quote(value, errors='surrogatepass')}" for key, value in fields
    )
    return Wire(name, "sns", {"content-type": FORM}, body.encode(), kind)


def flattened(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Fields of a form that spell a request, as the query protocol flattens lists and maps; what is no map of the model is spelt as one."""
    if isinstance(value, dict):
        found = []
        for number, (key, item) in enumerate(value.items(), 1):
            if prefix.endswith(("Attributes", "MessageAttributes")):
                found += [(f"{prefix}.entry.{number}.{'Name' if 'Message' in prefix else 'key'}", str(key))]
                found += flattened(item, f"{prefix}.entry.{number}.{'Value' if 'Message' in prefix else 'value'}")
            else:
                found += flattened(item, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(value, list):
        return [pair for number, item in enumerate(value, 1) for pair in flattened(item, f"{prefix}.member.{number}")]
    return [(prefix, "true" if value is True else "false" if value is False else str(value))]


def harmed_body(rng: Random, call: Wire) -> Wire:
    """The body is no JSON or form that anybody meant."""
    body, cut = call.body, rng.randrange(len(call.body) + 1)
    deep = rng.choice(DEEP)
    body = rng.choice(
        (
            body[:cut],
            body[:cut] + rng.randbytes(4) + body[cut:],
            body + body,
            body + b"\0",
            b"\xef\xbb\xbf" + body,
            body.decode().encode("utf-16"),
            body.replace(b'"', b"'"),
            body.replace(b":", b":" + b"[" * deep, 1),
            b"[" * deep + b"]" * deep,
            b'{"a":' * deep,
            body.replace(b"{", b'{"Image":1,"Image":2,"MaxResults":1,"MaxResults":"x",', 1),
            body.replace(b"{", b'{"a":NaN,"b":Infinity,"c":-1e999999,"d":' + b"9" * 5000 + b",", 1),
            b"null",
            b"[]",
            b'"text"',
            b"",
            b" " * 1000,
            b"{" + b'"a":1,' * 150_000 + b'"b":1}',
            rng.randbytes(200),
            b"&".join(b"a%d=b" % n for n in range(2000)),
            body + b"&Name=%ff%fe&Name=%00",
            body + b"&A=1&A..b=2&A.=3&.=4&=5&.....=6",
            body + b"&Attributes.entry.1.key=x&Attributes.entry.1.key.y=z&Attributes.entry.x.key=1&Attributes=5",
            body + b"&" + quote_from_bytes(rng.randbytes(60)).encode() + b"=%",
        )
    )
    return replace(call, body=body, kind="body")


def harmed_head(rng: Random, call: Wire) -> Wire:
    """Another type, target, method or path."""
    headers = dict(call.headers)
    text = rng.choice([text for text in BROKEN_TEXTS if text.isascii() and text.isprintable() and len(text) < 9000])
    match rng.randrange(6):
        case 0:
            headers["content-type"] = rng.choice(
                ("text/plain", "application/json", JSON + "; charset=utf-16", FORM, "", ";", text)
            )
        case 1:
            headers["x-amz-target"] = rng.choice(
                (
                    "RekognitionService",
                    "RekognitionService.",
                    ".DetectFaces",
                    "RekognitionService.__init__",
                    "X.DetectFaces",
                    text,
                )
            )
        case 2:
            headers.pop("x-amz-target", None)
        case 3:
            return replace(
                call,
                method=rng.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "FOO")),
                kind="head",
            )
        case 4:
            path = rng.choice(
                (
                    "//",
                    "/./",
                    "/../",
                    "/%2e",
                    "/x",
                    "/?Action=Unsubscribe&SubscriptionArn=" + quote(text),
                    "/?%ff=%00",
                    "/?" + "a=b&" * 3000,
                    "/?Action=ConfirmSubscription&Token=x&TopicArn=y",
                    "/SimpleNotificationService-" + "0" * 64 + ".pem",
                    "/metrics/x",
                    "/?X-Amz-Algorithm=1",
                )
            )
            return replace(call, path=path, kind="head")
        case _:
            return replace(
                call,
                extra=[
                    (
                        rng.choice(
                            (
                                "x-amz-security-token",
                                "x-amz-content-sha256",
                                "content-encoding",
                                "expect",
                                "x-amz-target",
                                "date",
                                "host",
                                "x-forwarded-for",
                                "authorization",
                            )
                        ),
                        text,
                    )
                ],
                kind="head",
            )
    return replace(call, headers=headers, kind="head")


HARMS = ("date", "scope", "headers", "value", "missing", "algorithm", "key", "presigned", "garbage", "twice")
"""Ways in which a signature is wrong."""


def signed(call: Wire, host: str, key: tuple[str, str], rng: Random) -> list[tuple[str, str]]:
    """The headers of the request with its signature, right or harmed as it says."""
    now = datetime.now(UTC)
    date = f"{now:%Y%m%dT%H%M%SZ}"
    if call.sign == "date":
        date = rng.choice((*DATES, f"{now + timedelta(days=rng.choice((-400, -1, 1, 400))):%Y%m%dT%H%M%SZ}"))
    scope = f"{date[:8]}/us-east-1/{call.service}/aws4_request"
    if call.sign == "scope":
        scope = rng.choice(
            (
                "",
                "/",
                "////",
                f"{date[:8]}/us-east-1/s3/aws4_request",
                scope + "/x",
                "10101" + scope[8:],
                scope.upper(),
                scope.replace("us-east-1", "\x7f" * 10),
            )
        )
    headers = {"host": host, "x-amz-date": date, **call.headers}
    names = sorted(headers)
    if call.sign == "headers":
        names = rng.choice(
            ([], ["host"], names[:-1], [*names, "absent"], names[::-1], ["host"] * 500, [";"], names + names)
        )
    path, _, query = call.path.partition("?")
    canonical = "\n".join(
        [
            call.method,
            path,
            query,
            *(f"{n}:{headers.get(n, '').strip()}" for n in names),
            "",
            ";".join(names),
            hashlib.sha256(call.body).hexdigest(),
        ]
    )
    secret = f"AWS4{key[1]}".encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    value = hmac.new(secret, text.encode(), "sha256").hexdigest()
    if call.sign == "value":
        value = rng.choice(("", "0" * 64, value.upper(), value[:-1], value + "0", "é" * 10, value[::-1]))
    key_id = rng.choice(("", "AKIA" + "0" * 16, "x" * 5000, "%00", "'--")) if call.sign == "key" else key[0]
    parts = [f"Credential={key_id}/{scope}", f"SignedHeaders={';'.join(names)}", f"Signature={value}"]
    if call.sign == "missing":
        parts.pop(rng.randrange(3))
    algorithm = (
        rng.choice(("", "AWS4-HMAC-SHA512", "AWS4-ECDSA-P256-SHA256", "Basic", "Bearer"))
        if call.sign == "algorithm"
        else "AWS4-HMAC-SHA256"
    )
    authorization = f"{algorithm} {', '.join(parts)}"
    if call.sign == "garbage":
        authorization = rng.choice(
            (
                "",
                " ",
                "=",
                ",,,,",
                "AWS4-HMAC-SHA256",
                "AWS4-HMAC-SHA256 =,=,=",
                "AWS4-HMAC-SHA256 " + "Credential=" * 800,
                authorization[: rng.randrange(len(authorization))],
            )
        )
    found = [*headers.items(), *call.extra, ("authorization", authorization)]
    return [*found, ("authorization", authorization)] if call.sign == "twice" else found


def presigned(call: Wire, key: tuple[str, str], rng: Random) -> Wire:
    """The request with a signature in its query that is wrong in some way."""
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    fields = {
        "X-Amz-Algorithm": rng.choice(("AWS4-HMAC-SHA256", "x")),
        "X-Amz-Credential": f"{key[0]}/{now[:8]}/us-east-1/{call.service}/aws4_request",
        "X-Amz-Date": rng.choice((now, *DATES)),
        "X-Amz-Expires": rng.choice(("60", "0", "-1", "604801", "9" * 6, "9" * 5000, "1e3", "")),
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": rng.choice(("0" * 64, "")),
    }
    if rng.random() < 0.3:
        fields.pop(rng.choice(sorted(fields)))
    return replace(
        call, path="/?" + "&".join(f"{name}={quote(value)}" for name, value in fields.items()), kind="signature"
    )
