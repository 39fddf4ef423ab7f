"""Clients for queues and topics of AWS, one per account, region and service; only endpoints that the operator named are called."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.aws_access import AwsAccess
from pipeline.errors import ReelsightError

REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")
MAX_CLIENTS = 64
"""Kept at once, each some MiB: regions are what subscribers name."""
CLIENT_FAULTS = range(400, 500)
PASSING = frozenset(
    {
        "Throttling", "ThrottlingException", "Throttled", "ThrottledException", "RequestThrottled",
        "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded", "OverLimit", "KmsThrottled",
        "KMSThrottling", "KMSThrottlingException", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable",
    }
)  # fmt: skip
"""Error codes with a status of 4xx that pass by themselves. Source: botocore's retry modes, "standard"."""
OURS = frozenset(
    {
        "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "ExpiredToken",
        "ExpiredTokenException", "RequestExpired", "InvalidAccessKeyId", "InvalidSecurity", "MissingAuthenticationToken",
    }
)  # fmt: skip
"""Error codes that blame our credentials or clock: not the subscriber's fault, and mended without it."""


class AwsFailed(ReelsightError):  # noqa: N818 - what happened, as in pipeline.errors
    """A call to a queue or topic failed.

    Attributes:
        code: HTTP status; None: no answer came.
        name: Error code of AWS, or the class of the error.
        final: Whether a retry can help is known, and it cannot.
    """

    def __init__(self, message: str, code: int | None, name: str, *, final: bool) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.final = final


@dataclass(frozen=True, slots=True)
class AwsClients:
    """boto3's clients, made on first use and kept; they may be used by many threads.

    Attributes:
        accounts: Account -> access.
        timeout_s: How long to wait for a connection, and for an answer.
    """

    accounts: Mapping[str, AwsAccess]
    timeout_s: float
    _made: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str, account: str, region: str) -> Any:
        """The client of "sqs" or "sns".

        Raises:
            AwsFailed: no access is set for the account, it cannot be used, or there can be no such region.
        """
        access = self.accounts.get(account)
        if access is None:
            reason = (
                f"no access to AWS is set for account {account}; the operator can set it with REELSIGHT_AWS_ACCOUNTS"
            )
            raise AwsFailed(reason, None, "NoAccess", final=True)
        if not REGION.fullmatch(region):
            raise AwsFailed(f"there is no region {region!r}", None, "NoRegion", final=True)
        with self._lock:  # sessions must not be shared while clients are made
            key = (service, account, access.region or region)
            if key not in self._made:
                if len(self._made) >= MAX_CLIENTS:
                    del self._made[next(iter(self._made))]
                self._made[key] = self._make(service, access, access.region or region)
            return self._made[key]

    def call(self, service: str, account: str, region: str, operation: str, **members: Any) -> Any:
        """The answer of an operation, tried once.

        Raises:
            AwsFailed: it failed; `final` as SNS judges: not retried where the client is to blame.
        """
        client = self.client(service, account, region)
        try:
            return getattr(client, operation)(**members)
        except ClientError as error:
            raise _refused(error) from None
        except BotoCoreError as error:
            raise AwsFailed(f"{type(error).__name__}: {error}", None, type(error).__name__, final=False) from None

    def _make(self, service: str, access: AwsAccess, region: str) -> Any:
        secret, token = access.secret_access_key, access.session_token
        patience = Config(
            connect_timeout=self.timeout_s,
            read_timeout=self.timeout_s,
            retries={"total_max_attempts": 1},
            max_pool_connections=32,
        )
        try:
            return boto3.Session(profile_name=access.profile).client(
                service,
                region_name=region,
                endpoint_url=access.endpoint_url,
                aws_access_key_id=access.access_key_id,
                aws_secret_access_key=secret.get_secret_value() if secret else None,
                aws_session_token=token.get_secret_value() if token else None,
                config=patience,
            )
        except BotoCoreError as error:
            reason = f"REELSIGHT_AWS_ACCOUNTS: {type(error).__name__}: {error}"
            raise AwsFailed(reason, None, type(error).__name__, final=False) from None


def _refused(error: ClientError) -> AwsFailed:
    answer: Mapping[str, Any] = error.response
    name = str(answer.get("Error", {}).get("Code", "Unknown")).rpartition(".")[2]
    code = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    final = code in CLIENT_FAULTS and code != 429 and name not in PASSING | OURS
    return AwsFailed(f"{name}: {answer.get('Error', {}).get('Message', '')}", code, name, final=final)
