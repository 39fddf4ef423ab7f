"""Requests that are done once, however often they are sent with the same token."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, select, update

from pipeline.errors import RequestError
from pipeline.store.insertion import insert_new
from pipeline.store.metadata import utcnow
from pipeline.store.request_schema import requests

TOKEN_LIFE = timedelta(days=7)
"""Source: Amazon Rekognition developer guide, "Calling Amazon Rekognition Video operations", which names the only such time."""

Answer = dict[str, Any]


def once(
    connection: Connection,
    account: str,
    operation: str,
    request: Mapping[str, Any],
    subject: str,
    act: Callable[[], Answer],
) -> Answer:
    """What `act` answers, or has answered to the same request with the same token before.

    The token is kept with what `act` does, in the transaction of the caller: both, or neither. Of two requests that come at once the
    second waits for the first.

    Args:
        connection: A transaction that writes.
        account: Who asks.
        operation: What for; the same token of another operation is another one.
        request: Its members, the ClientRequestToken among them, if there is one.
        subject: Id, never given twice, of what the request is about: a token says nothing about another subject of the same name.
        act: Does what is asked for, in the same transaction.

    Raises:
        RequestError: the token stands for another request, or what `act` says.
    """
    token = request.get("ClientRequestToken")
    if token is None:
        return act()
    mine = _mine(account, operation, token)
    now = utcnow()
    row = {"digest": _digest(request), "subject": subject, "answer": None, "asked_at": now}
    connection.execute(delete(requests).where(mine, requests.c.asked_at <= now - TOKEN_LIFE))
    while not insert_new(connection, requests, {"account": account, "operation": operation, "token": token, **row}):
        known = connection.execute(select(requests).where(mine).with_for_update()).mappings().first()
        if known is None:
            continue  # the sweeper has just forgotten it
        if known["digest"] != row["digest"]:
            raise RequestError(
                "IdempotentParameterMismatchException",
                f"The ClientRequestToken: {token} you have supplied is already in use.",
            )
        if known["subject"] == subject:
            return dict(known["answer"])
        connection.execute(update(requests).where(mine).values(row))
        break
    answer = act()
    connection.execute(update(requests).where(mine).values(answer=answer))
    return answer


def forget(connection: Connection, before: datetime) -> int:
    """How many tokens of requests until this moment were freed for another use."""
    return connection.execute(delete(requests).where(requests.c.asked_at <= before)).rowcount


def _mine(account: str, operation: str, token: str) -> ColumnElement[bool]:
    return and_(requests.c.account == account, requests.c.operation == operation, requests.c.token == token)


def _digest(request: Mapping[str, Any]) -> str:
    asked = {name: value for name, value in request.items() if name != "ClientRequestToken"}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
