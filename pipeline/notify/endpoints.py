"""Endpoints of subscriptions: which can be subscribed."""

import re

import httpx

from pipeline.notify.policies import QUEUE_ARN
from pipeline.notify.refusals import invalid, worded
from pipeline.notify.ssrf import AddressRefused, Guard

PORTS = {"http": 80, "https": 443}
SERVED = ("http", "https", "sqs")
NOT_SERVED = frozenset({"email", "email-json", "sms", "application", "lambda", "firehose"})
"""Protocols of Amazon SNS that end in other services of Amazon."""
MAX_ENDPOINT = 2048
MAX_PORT = 65535
PASSWORD = re.compile(r"^(https?://[^/?#@:]*:)[^/?#]*@", re.IGNORECASE)


def without_password(endpoint: str) -> str:
    """The endpoint as it is shown: a password for basic authentication is `****`, as in SNS."""
    return PASSWORD.sub(r"\1****@", endpoint)


def check_endpoint(guard: Guard, account: str, protocol: str, endpoint: str) -> None:
    """Refuses endpoints that could never be delivered to; `account` owns the topic.

    Raises:
        RequestError: InvalidParameter that names the protocol or the endpoint and what is wrong with it.
    """
    if not endpoint:
        raise worded("Endpoint Reason: no value for required parameter")
    if protocol in NOT_SERVED:
        raise invalid("Protocol", f"subscriptions with protocol {protocol} are not supported, only {', '.join(SERVED)}")
    if protocol not in SERVED:
        raise worded(f"Amazon SNS does not support this protocol string: {protocol[:80]}")
    if len(endpoint) > MAX_ENDPOINT:
        raise invalid("Endpoint", f"longer than {MAX_ENDPOINT} characters")
    if protocol == "sqs":
        _check_queue(account, endpoint)
    else:
        _check_url(guard, protocol, endpoint)


def _check_queue(account: str, endpoint: str) -> None:
    match = QUEUE_ARN.fullmatch(endpoint)
    if match is None:
        raise worded(f"SQS endpoint ARN Reason: {endpoint[:300]!r} is not arn:aws:sqs:REGION:ACCOUNT:NAME")
    if endpoint.endswith(".fifo"):
        raise invalid("Endpoint", "FIFO SQS Queues can not be subscribed to standard SNS topics")
    if match[2] != account:
        owner = f"the queue is of account {match[2]}, the topic of {account}"
        raise invalid("Endpoint", f"{owner}; only queues of the topic's own account can be subscribed")


def _check_url(guard: Guard, protocol: str, endpoint: str) -> None:
    try:
        url = httpx.URL(endpoint)
    except httpx.InvalidURL as error:
        raise invalid("Endpoint", f"{endpoint!r}: {error}") from None
    if url.scheme != protocol:
        raise invalid("Endpoint", f"Endpoint must match the specified protocol: {endpoint!r} is not {protocol}://")
    if not url.host:
        raise invalid("Endpoint", f"{endpoint!r} names no host")
    port = PORTS[protocol] if url.port is None else url.port
    if not 0 < port <= MAX_PORT:
        raise invalid("Endpoint", f"{endpoint!r}: ports go from 1 to {MAX_PORT}, not {port}")
    try:
        guard.addresses(url.raw_host.decode("ascii"), port)
    except AddressRefused as error:
        raise invalid("Endpoint", f"{endpoint!r}: {error}") from None
