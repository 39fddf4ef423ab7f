"""Raw messages: the body as it was published, and a signature that a receiver can check without fetching anything.

Source: Standard Webhooks 1.0, "Signature scheme" (symmetric): its libraries verify these headers.
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime

from pipeline.secrets import derive

KEY_ATTRIBUTE = "RawDeliverySigningKey"
"""Name under which GetSubscriptionAttributes shows the key to the subscription's owner."""
PREFIX = "whsec_"


def raw_key(secret_key: bytes, subscription_arn: str) -> str:
    """The key of a subscription's raw deliveries, as Standard Webhooks writes one; nothing of it is stored.

    `secret_key` is that of the installation, see `load_secret_key`; whoever changes it changes this key too.
    """
    return PREFIX + base64.b64encode(_key(secret_key, subscription_arn)).decode("ascii")


def signature_headers(
    secret_keys: Sequence[bytes], subscription_arn: str, message_id: str, body: bytes, now: datetime
) -> Mapping[str, str]:
    """HMAC-SHA256 over "MessageId.seconds.body"; the seconds are those of this try, so that a replay is noticed.

    One signature per key of the installation: while an old one is still accepted, receivers may still have the key made of it.
    """
    seconds = str(int(now.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    digests = [hmac.digest(_key(secret, subscription_arn), signed, "sha256") for secret in secret_keys]
    signatures = " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": signatures}


def _key(secret_key: bytes, subscription_arn: str) -> bytes:
    return derive(secret_key, f"raw deliveries to {subscription_arn}")
