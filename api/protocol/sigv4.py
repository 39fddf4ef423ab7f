"""Verification of AWS Signature Version 4, in an Authorization header or in a presigned query.

The counterpart of botocore's `SigV4Auth` and `SigV4QueryAuth`. Keys are long-lived, so a session token is refused; the
body's hash is always checked, as AWS does everywhere but in S3 and in operations with the trait for unsigned payloads,
which neither of our services has. Any region is accepted: it is part of the signing key, and there is only one of us.

Source: AWS General Reference, "Signature Version 4 signing process" and "Create a signed AWS API request".
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from api.protocol.canonical import ALGORITHM, BYTES, Signature, SignedRequest, canonical_requests, sign
from pipeline.errors import RequestError

MAX_EXPIRY = timedelta(days=7)

_FORMAT = "%Y%m%dT%H%M%SZ"
_BOUND = frozenset({"host", "x-amz-date", "x-amz-target", "x-amz-content-sha256"})
"""Headers that must be signed where they are present: they decide what the request means."""


def verify(
    request: SignedRequest,
    service: str,
    find_secret: Callable[[str], str | None],
    now: datetime,
    skew: timedelta,
    public_hosts: Collection[str] = (),
) -> Signature:
    """The request's signature, which is good.

    Args:
        request: As it came.
        service: What the credential must be scoped to: "rekognition" or "sns".
        find_secret: Secret of an access key id; None: unknown.
        now: Aware.
        skew: How far the signature's date may be from `now`.
        public_hosts: Hosts that clients may have signed although a reverse proxy has put another Host header.

    Raises:
        RequestError: it is missing, incomplete, expired or wrong, or its key is unknown.
    """
    signature = read(request)
    _check_headers(request, signature, service)
    _check_time(signature, now, skew)
    _check_body(request)
    secret = find_secret(signature.key_id)
    if secret is None or request.header("x-amz-security-token") or "X-Amz-Security-Token" in request.parameters:
        raise RequestError("UnrecognizedClientException", "The security token included in the request is invalid.")
    texts = canonical_requests(request, signature, public_hosts)
    if not any([hmac.compare_digest(sign(secret, signature, text), signature.value) for text in texts]):  # noqa: C419 - no shortcut: constant time
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )
    return signature


def read(request: SignedRequest) -> Signature:
    """The signature that the request carries, not verified.

    Raises:
        RequestError: there is none or it lacks a part.
    """
    header = request.header("authorization")
    if request.is_presigned:
        if header is not None:
            raise _incomplete("A request may be signed in its query or in its Authorization header, not in both.")
        return _from_query(request.parameters)
    if header is None:
        raise RequestError("MissingAuthenticationTokenException", "Missing Authentication Token")
    return _from_header(header, request)


def _from_header(header: str, request: SignedRequest) -> Signature:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported signing algorithm: only {ALGORITHM} is accepted in the Authorization header.")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    date = _header_date(request)
    wanted = [f"Authorization header requires '{name}' parameter." for name in missing]
    if date is None:
        wanted.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if wanted or date is None:
        raise _incomplete(" ".join(wanted))
    return _signature(parts["Credential"], parts["SignedHeaders"], parts["Signature"], date)


def _from_query(query: Mapping[str, str]) -> Signature:
    names = (
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    )
    missing = [name for name in names if not query.get(name)]
    if missing:
        raise _incomplete(f"AWS query-string parameters must include {', '.join(missing)}.")
    algorithm, credential, date, expires, signed, value = (query[name] for name in names)
    if algorithm != ALGORITHM:
        raise _incomplete(f"X-Amz-Algorithm must be {ALGORITHM}.")
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not timedelta() < timedelta(seconds=int(expires)) <= MAX_EXPIRY:
        raise _incomplete("X-Amz-Expires must be between 1 second and a week (604800 seconds).")
    return _signature(credential, signed, value, date, timedelta(seconds=int(expires)))


def _signature(credential: str, signed: str, value: str, date: str, expires: timedelta | None = None) -> Signature:
    key_id, _, scope = credential.partition("/")
    fields = scope.split("/")
    if (
        not (credential.isascii() and credential.isprintable())
        or len(fields) != 4
        or not all(fields)
        or fields[3] != "aws4_request"
    ):
        raise _incomplete("Credential must have the form KEY-ID/YYYYMMDD/REGION/SERVICE/aws4_request.")
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise _incomplete("Signature must consist of 64 lower-case hexadecimal digits.")
    return Signature(key_id, scope, tuple(signed.lower().split(";")), value, date, expires)


def _check_headers(request: SignedRequest, signature: Signature, service: str) -> None:
    if signature.service != service:
        raise _invalid(f"Credential should be scoped to correct service: '{service}'.")
    present = {name for name, _ in request.headers}
    must = {"host"} | (_BOUND & present)
    if unsigned := sorted(must - set(signature.signed_headers)):
        raise _invalid(f"{', '.join(unsigned)} must be signed: name it in SignedHeaders.")
    if absent := sorted(set(signature.signed_headers) - present):
        raise _invalid(f"SignedHeaders names headers that the request lacks: {', '.join(absent)}.")


def _check_time(signature: Signature, now: datetime, skew: timedelta) -> None:
    date = _moment(signature.date)
    if not signature.scope.startswith(f"{date:%Y%m%d}/"):
        raise _invalid(
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: {date:%Y%m%d}."
        )
    minutes = f"{skew.total_seconds() / 60:g} min."
    # Dates of the years 1 and 9999 allow no sums.
    if date > now + skew:
        raise _invalid(
            f"Signature not yet current: {signature.date} is still later than {now + skew:{_FORMAT}} ({now:{_FORMAT}} + {minutes})"
        )
    if signature.expires is not None and date < now - signature.expires:
        raise _invalid(
            f"Signature expired: {signature.date} + {signature.expires.total_seconds():g} s is earlier than {now:{_FORMAT}}."
        )
    if signature.expires is None and date < now - skew:
        raise _invalid(
            f"Signature expired: {signature.date} is now earlier than {now - skew:{_FORMAT}} ({now:{_FORMAT}} - {minutes})"
        )


def _moment(date: str) -> datetime:
    if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", date):
        with suppress(ValueError):
            return datetime.strptime(date, _FORMAT).replace(tzinfo=UTC)
    raise _incomplete("Date must be in ISO-8601 'basic format', for example 20160315T024004Z.")


def _check_body(request: SignedRequest) -> None:
    claimed = request.header("x-amz-content-sha256")
    if claimed is not None and not hmac.compare_digest(
        claimed.encode(errors=BYTES), hashlib.sha256(request.body).hexdigest().encode()
    ):
        raise _invalid(
            "The value of x-amz-content-sha256 is not the SHA-256 of the body; unsigned payloads are not accepted."
        )


def _header_date(request: SignedRequest) -> str | None:
    date = request.header("x-amz-date")
    if date is not None or (date := request.header("date")) is None:
        return date
    with suppress(ValueError, OverflowError):
        moment = parsedate_to_datetime(date)
        # botocore writes the zone as -0000, which Python reads as "none given".
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(_FORMAT)
    return date


def _invalid(message: str) -> RequestError:
    return RequestError("InvalidSignatureException", message)


def _incomplete(message: str) -> RequestError:
    return RequestError("IncompleteSignatureException", message)
