"""Access policies of topics: kept, shown and edited. They grant nothing here: a topic serves the account that owns it."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pipeline.errors import RequestError
from pipeline.notify.refusals import worded

MAX_BYTES = 30 * 1024
ACTIONS = (
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "Receive",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
)
"""What a policy may speak of. Source: Amazon SNS Developer Guide, "Amazon SNS API permissions"."""


def default_policy(arn: str, account: str) -> str:
    """The policy of a topic that was given none, as SNS shows it."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "SNS:GetTopicAttributes",
            "SNS:SetTopicAttributes",
            "SNS:AddPermission",
            "SNS:RemovePermission",
            "SNS:DeleteTopic",
            "SNS:Subscribe",
            "SNS:ListSubscriptionsByTopic",
            "SNS:Publish",
        ],
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return json.dumps({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


def check_policy(text: str) -> None:
    """Nothing, if the text is a policy.

    Raises:
        RequestError: it is too long, no JSON, or has no statements that allow or deny.
    """
    if len(text.encode()) > MAX_BYTES:
        raise _wrong(f"longer than {MAX_BYTES} bytes")
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        raise _wrong("failed to parse JSON") from None
    if not isinstance(policy, dict):
        raise _wrong("a JSON object is expected")
    statements = policy.get("Statement")
    for statement in [statements] if isinstance(statements, dict) else _list(statements):
        effect = statement.get("Effect") if isinstance(statement, dict) else None
        if effect not in ("Allow", "Deny"):
            raise _wrong("every Statement must be an object with the Effect Allow or Deny")


def with_statement(text: str, arn: str, label: str, accounts: Sequence[str], actions: Sequence[str]) -> str:
    """The policy with one more statement, which allows the actions to the accounts.

    Raises:
        RequestError: the label is taken or impossible, or an account or an action is none.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", label):
        raise worded("Label Reason: 1 to 80 letters, digits, hyphens and underscores are allowed")
    policy = json.loads(text)
    if any(_sid(one) == label for one in _statements(policy)):
        raise worded("Statement already exists")
    principals = [_principal(one) for one in accounts]
    allowed = [_action(one) for one in actions]
    if not principals or not allowed:
        member = "AWSAccountId" if not principals else "ActionName"
        raise worded(f"{member} Reason: at least one is required")
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
        "Action": allowed[0] if len(allowed) == 1 else allowed,
        "Resource": arn,
    }
    edited = json.dumps({**policy, "Statement": [*_statements(policy), statement]})
    check_policy(edited)
    return edited


def without_statement(text: str, label: str) -> str:
    """The policy without the statement; there need not be one."""
    policy = json.loads(text)
    return json.dumps({**policy, "Statement": [one for one in _statements(policy) if _sid(one) != label]})


def _statements(policy: dict[str, Any]) -> list[Any]:
    given = policy["Statement"]
    return [given] if isinstance(given, dict) else given


def _sid(statement: dict[str, Any]) -> Any:
    return statement.get("Sid")


def _list(statements: Any) -> list[Any]:
    if not isinstance(statements, list) or not statements:
        raise _wrong("Statement is required")
    return statements


def _principal(account: str) -> str:
    if not re.fullmatch("[0-9]{12}", account):
        raise worded(f"AWSAccountId Reason: {account[:80]!r} is not the 12 digits of an account")
    return f"arn:aws:iam::{account}:root"


def _action(name: str) -> str:
    if name not in ACTIONS:
        raise worded("Policy statement action out of service scope!")
    return f"SNS:{name}"


def _wrong(reason: str) -> RequestError:
    return worded(f"Policy Error: {reason}")
