"""Raw messages: the body as it was published, and a signature that a receiver can check without fetching anything.

Source: Standard Webhooks 1.0, "Signature scheme" (symmetric): its libraries verify these headers.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
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
    secret_key: bytes, subscription_arn: str, message_id: str, body: bytes, now: datetime
) -> Mapping[str, str]:
    """HMAC-SHA256 over "MessageId.seconds.body"; the seconds are those of this try, so that a replay is noticed."""
    seconds = str(int(now.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.new(_key(secret_key, subscription_arn), signed, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode('ascii')}",
    }


def _key(secret_key: bytes, subscription_arn: str) -> bytes:
    return derive(secret_key, f"raw deliveries to {subscription_arn}")
